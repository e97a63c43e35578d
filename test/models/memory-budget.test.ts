import { describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryBudget, type Tenant } from '../../models/runners/memory-budget.js';

const FOREVER_MS = 1e9;
const budgetOf = (limitMiB: number, turnMs = FOREVER_MS) =>
  new MemoryBudget({ limitMiB, turnMs, remedy: 'give more' });

/** A budget with a clock that the test sets. */
function clocked(limitMiB: number, turnMs: number) {
  let now = 0;
  return {
    budget: new MemoryBudget({ limitMiB, turnMs, remedy: 'give more', now: () => now }),
    pass: (ms: number): void => void (now += ms),
  };
}

/** Takes the memory, and loads for so long. */
async function load(
  budget: MemoryBudget,
  tenant: Tenant,
  loadMs: number,
  pass: (ms: number) => void = () => {},
): Promise<void> {
  await budget.acquire(tenant);
  const isLoaded = budget.loading(tenant);
  pass(loadMs);
  isLoaded();
}

/** Records which tenants left, in order. */
function tenants(log: string[]): (name: string, memoryMiB: number) => Tenant {
  return (name, memoryMiB) => ({ name, memoryMiB, leave: async () => void log.push(name) });
}

async function isAdmitted(acquired: Promise<void>): Promise<boolean> {
  return await Promise.race([acquired.then(() => true), sleep(10).then(() => false)]);
}

describe('the memory of loaded models', () => {
  test('holds the models that fit, and unloads none of them', async () => {
    const left: string[] = [];
    const tenant = tenants(left);
    const budget = budgetOf(100);
    await budget.acquire(tenant('a', 60));
    await budget.acquire(tenant('b', 40));
    expect(left).toEqual([]);
  });

  test('is refused to a model that is larger than the limit', async () => {
    const acquired = budgetOf(100).acquire(tenants([])('a', 101));
    await expect(acquired).rejects.toMatchObject({ kind: 'ResourceLimit' });
  });

  test('comes from the least recently used of the models that rest, and from no more than needed', async () => {
    const left: string[] = [];
    const tenant = tenants(left);
    const budget = budgetOf(100);
    const [a, b, c] = [tenant('a', 30), tenant('b', 30), tenant('c', 40)];
    for (const each of [a, b, c]) await budget.acquire(each);
    for (const each of [b, a, c]) budget.rest(each);
    await sleep(2);
    await budget.acquire(b);
    budget.rest(b);
    await budget.acquire(tenant('d', 30));
    expect(left).toEqual(['a']);
  });

  test('does not come from a model that works, nor from one that rests where that would not be enough', async () => {
    const left: string[] = [];
    const tenant = tenants(left);
    const budget = budgetOf(100);
    const [working, resting] = [tenant('working', 60), tenant('resting', 40)];
    await budget.acquire(working);
    await budget.acquire(resting);
    budget.rest(resting);
    const waiting = budget.acquire(tenant('large', 80));
    expect(await isAdmitted(waiting)).toBe(false);
    expect(left).toEqual([]);
    budget.rest(working);
    expect(await isAdmitted(waiting)).toBe(true);
    expect(left).toEqual(['resting', 'working']);
  });

  test('goes to models in the order in which they asked, so that a large model is not overtaken', async () => {
    const tenant = tenants([]);
    const budget = budgetOf(100);
    const first = tenant('first', 60);
    await budget.acquire(first);
    const large = budget.acquire(tenant('large', 80));
    const small = budget.acquire(tenant('small', 20));
    expect(await isAdmitted(small)).toBe(false);
    budget.release(first);
    await large;
    await small;
  });

  test('comes, after a turn, from the model that has been loaded longest, as far as needed', async () => {
    const tenant = tenants([]);
    const { budget, pass } = clocked(100, 60_000);
    const [old, young] = [tenant('old', 50), tenant('young', 50)];
    await load(budget, old, 0);
    pass(1);
    await load(budget, young, 0);
    const waiting = budget.acquire(tenant('waiting', 40));
    pass(59_999);
    expect(budget.mustYield(old)).toBe(false);
    pass(1);
    expect(budget.mustYield(young)).toBe(false);
    expect(budget.mustYield(old)).toBe(true);
    budget.release(old);
    await waiting;
    expect(budget.mustYield(young)).toBe(false);
  });

  test('stays with a loaded model for ten times the loading time of the two models that would be swapped', async () => {
    const tenant = tenants([]);
    const { budget, pass } = clocked(100, 60_000);
    const [painter, describer] = [tenant('painter', 60), tenant('describer', 60)];

    await load(budget, painter, 45_000, pass);
    let waiting = budget.acquire(describer);

    /** The model at work gives way to the waiting one, and waits itself while that one loads. */
    async function swap(from: Tenant, to: Tenant, loadMs: number): Promise<void> {
      budget.release(from);
      await waiting;
      waiting = budget.acquire(from);
      const isLoaded = budget.loading(to);
      pass(loadMs);
      isLoaded();
    }

    await swap(painter, describer, 6_000);
    // The painter has waited since before the describer was loaded. From then on the turn is the describer's.
    pass(509_999);
    expect(budget.mustYield(describer)).toBe(false);
    pass(1);
    expect(budget.mustYield(describer)).toBe(true);
    // The last measured loading time counts.
    await swap(describer, painter, 3_000);
    pass(89_999);
    expect(budget.mustYield(painter)).toBe(false);
    pass(1);
    expect(budget.mustYield(painter)).toBe(true);
  });

  test('does not come from a model that is still loading, however long another waits', async () => {
    const tenant = tenants([]);
    const { budget, pass } = clocked(100, 60_000);
    const slow = tenant('slow', 60);
    await budget.acquire(slow);
    const isLoaded = budget.loading(slow);
    void budget.acquire(tenant('waiting', 60));
    pass(1e9);
    expect(budget.mustYield(slow)).toBe(false);
    isLoaded();
    expect(budget.mustYield(slow)).toBe(false);
  });
});
