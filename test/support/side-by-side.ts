/**
 * Begins the tasks in order, `width` at a time, and returns the promise of each by its name. So each test
 * awaits its own task, and a task that fails fails no other test. Drills mostly wait for time-outs, which
 * they can do together.
 */
export function sideBySide<T>(
  width: number,
  tasks: readonly { readonly name: string; readonly task: () => Promise<T> }[],
): (name: string) => Promise<T> {
  const outcomes = new Map<string, Promise<T>>();
  const begin = new Map<string, () => void>();
  for (const { name, task } of tasks) {
    const turn = new Promise<void>((resolve) => begin.set(name, resolve));
    const outcome = turn.then(task);
    // The test that awaits it sees its rejection; until then Node must not count the rejection as unhandled.
    outcome.catch(() => undefined);
    outcomes.set(name, outcome);
  }
  const names = tasks.map(({ name }) => name);
  async function lane(): Promise<void> {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      begin.get(name)!();
      await outcomes.get(name)!.catch(() => undefined);
    }
  }
  for (let started = 0; started < width; started++) void lane();
  return (name) => outcomes.get(name) ?? Promise.reject(new Error(`there is no task ${name}`));
}
