import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FAULT_KINDS, OPERATIONS, type Fault } from '../../faults/chaos/faults.js';
import { planRound, type RoundPlan } from '../../faults/chaos/plan.js';
import { deploymentName } from '../../faults/chaos/report.js';
import { experimentId, validateExperiment } from '../../experiment/index.js';
import { loadCatalogue } from '../../models/index.js';

const SCRIPT = fileURLToPath(new URL('../../dist/faults/chaos/main.js', import.meta.url));

const plans: readonly RoundPlan[] = Array.from({ length: 200 }, (_, seed) => planRound(seed, seed % 7));
const faults: readonly Fault[] = plans.flatMap((plan) => plan.faults);

describe('the plan of a round', () => {
  test('is always the same for a seed and a round, and differs between seeds and between rounds', () => {
    expect(Array.from({ length: 200 }, (_, seed) => planRound(seed, seed % 7))).toEqual(plans);
    const texts = [...plans, planRound(0, 1), planRound(0, 2)].map(
      ({ experiments, faults: all, deployment }) => JSON.stringify([experiments, all, deployment]),
    );
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('has valid experiments, and no two equal ones in a round', async () => {
    const catalogue = await loadCatalogue({
      modelsFolder: '/nowhere',
      testModels: true,
      catalogueFile: undefined,
    });
    for (const { experiments } of plans) {
      const ids = experiments.map((experiment) => {
        const validated = validateExperiment(experiment, catalogue);
        if (!validated.ok) throw new Error(JSON.stringify([experiment, validated.problems]));
        return experimentId(validated.config);
      });
      expect(new Set(ids).size).toBe(ids.length);
    }
  });

  test('has faults in the order of their moments, before the end of the experiments', () => {
    for (const { faults: all } of plans) {
      const moments = all.map(({ at }) => at.progress);
      expect(moments).toEqual([...moments].sort((a, b) => a - b));
      expect(Math.max(...moments)).toBeLessThan(1);
    }
  });
});

describe('over 200 seeds there is', () => {
  test('every way to run experiments', () => {
    const names = new Set(plans.map(({ deployment }) => deploymentName(deployment)));
    expect([...names].filter((name) => !name.includes('2 workers')).sort()).toEqual([
      'panic-tda run',
      'server and 3 workers on Postgres',
      'server and 3 workers on Postgres and S3',
      'server and 3 workers on SQLite',
      'server and 4 workers on Postgres',
      'server and 4 workers on Postgres and S3',
      'server and 4 workers on SQLite',
    ]);
    expect(new Set(plans.map(({ experiments }) => experiments.length))).toEqual(new Set([1, 2, 3]));
  });

  test('every kind of fault, for every part that can have it', () => {
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    const of = <Kind extends Fault['kind']>(kind: Kind) =>
      faults.filter((fault): fault is Extract<Fault, { kind: Kind }> => fault.kind === kind);
    const roles = (kind: 'kill' | 'stop' | 'freeze'): string[] =>
      [...new Set(of(kind).map(({ role }) => role.replace(/ \d/, '')))].sort();
    const all = ['command', 'everything', 'model process', 'postgres', 's3', 'server', 'worker'];
    expect(roles('kill')).toEqual(all);
    expect(roles('freeze')).toEqual(all);
    expect(roles('stop')).toEqual(['command', 'postgres', 's3', 'server', 'worker']);
    expect(new Set(of('cut').map(({ link, how }) => `${link} ${how}`)).size).toBe(9);
    expect(new Set(of('full disk').map(({ disk }) => disk))).toEqual(
      new Set(['data', 'temporal', 'postgres']),
    );
    expect(new Set(of('operator').map(({ operation }) => operation))).toEqual(new Set(OPERATIONS));
  });

  test('no fault of a part that the round lacks', () => {
    for (const { deployment, faults: all } of plans) {
      const text = JSON.stringify(all);
      if (deployment.store !== 'postgres') expect(text).not.toMatch(/"postgres"/);
      if (deployment.objects !== 's3') expect(text).not.toMatch(/"s3"/);
      if (deployment.kind === 'embedded') expect(text).not.toMatch(/"cut"|"temporal"/);
    }
  });
});

function printedPlan(): string {
  const words = ['--seed', '7', '--rounds', '3', '--plan'];
  return spawnSync(process.execPath, [SCRIPT, ...words], { encoding: 'utf8' }).stdout;
}

describe('npm run chaos', () => {
  test.each([
    [['--seed=-1'], '--seed is -1; expected a whole number from 0 to 4294967295'],
    [['--minutes', '1h'], '--minutes is 1h; expected a whole number from 1 to 1440'],
    [['--round', '3'], '--round 3 of which seed? Give --seed, too'],
    [['--seed', '1', '--round', '3', '--rounds', '2'], 'give one of them'],
    [['--hours', '1'], "Unknown option '--hours'"],
  ])('refuses %j with 2', (words, sentence) => {
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, ...words], { encoding: 'utf8' });
    expect(stderr).toContain(sentence);
    expect(status).toBe(2);
  });

  test('prints the plan of a seed, the same each time', () => {
    const printed = printedPlan();
    expect(printed).toBe(printedPlan());
    expect(printed.match(/^seed 7 round \d: /gm)).toHaveLength(3);
  });

  test('is part of the nightly checks, with a number of minutes', () => {
    const nightly = readFileSync(new URL('../../.ci/nightly', import.meta.url), 'utf8');
    expect(nightly).toMatch(/^suites=\(.*\bchaos\b.*\)$/m);
    expect(nightly).toMatch(/--minutes \d+/);
  });
});
