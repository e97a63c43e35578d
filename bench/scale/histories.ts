import { Client, Connection } from '@temporalio/client';

/** Sizes of the histories of one type of workflow. */
export interface HistorySizes {
  readonly executions: number;
  readonly events: number;
  readonly mostEvents: number;
  readonly mostBytes: number;
}

/** By type of workflow: experiment, shard, run. Each execution of a workflow that continued as new counts. */
export async function historySizes(address: string): Promise<Record<string, HistorySizes>> {
  const connection = await Connection.connect({ address });
  const sizes: Record<string, HistorySizes> = {};
  try {
    for await (const { type, historyLength, historySize } of new Client({ connection }).workflow.list()) {
      const before = sizes[type] ?? { executions: 0, events: 0, mostEvents: 0, mostBytes: 0 };
      sizes[type] = {
        executions: before.executions + 1,
        events: before.events + historyLength,
        mostEvents: Math.max(before.mostEvents, historyLength),
        mostBytes: Math.max(before.mostBytes, historySize ?? 0),
      };
    }
    return sizes;
  } finally {
    await connection.close();
  }
}
