import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../bench/common/embedded-postgres.js';
import { processState } from '../../bench/common/process-tree.js';

/** A Postgres server that is started again when it ends by itself, as it does on a full disk. */
export interface KeptPostgres {
  readonly pid: number;
  url(database: string): string;
  /** Ends it, and keeps it away until it was released as often. False if it was away already. */
  hold(how: 'fast' | 'kill'): Promise<boolean>;
  release(): void;
  stop(): Promise<void>;
}

const LOOK_MS = 300;

export async function keepPostgres(
  folder: string,
  variables: Readonly<Record<string, string>>,
): Promise<KeptPostgres> {
  const server: EmbeddedPostgres = await startEmbeddedPostgres(folder, {
    fsync: true,
    variables,
    settings: [
      // The disk is small.
      'max_wal_size=64MB',
      'min_wal_size=32MB',
      'log_min_messages=error',
      // A process whose connection was cut must not hold its locks for the two hours of the kernel's default.
      'tcp_keepalives_idle=10',
      'tcp_keepalives_interval=5',
      'tcp_keepalives_count=3',
    ],
  });
  let holds = 0;
  const state = { stopped: false };
  /** One start or stop at a time. */
  let turn: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = turn.then(work);
    turn = next.catch(() => undefined);
    return next;
  }

  function isAlive(): boolean {
    return ![undefined, 'Z'].includes(processState(server.pid));
  }

  async function watch(): Promise<void> {
    while (!state.stopped) {
      await sleep(LOOK_MS);
      if (holds > 0 || isAlive()) continue;
      // It cannot start while there is no room; the next look tries again.
      await inTurn(async () => {
        if (holds === 0 && !state.stopped && !isAlive()) await server.start();
      }).catch(() => undefined);
    }
  }
  void watch();

  return {
    get pid() {
      return server.pid;
    },
    url: (database) => server.url(database),
    hold: async (how) => {
      holds++;
      return await inTurn(async () => {
        const was = isAlive();
        await server.stop(how);
        return was;
      });
    },
    release: () => void holds--,
    stop: async () => {
      state.stopped = true;
      await inTurn(() => server.stop());
    },
  };
}
