import Database from 'better-sqlite3';
import { describeRepair, givesUpSteps, rankOf } from '../repair.js';
import type { Repair, RepairKind } from '../repair.js';

/** The number of repairs of one kind, and a description of the first few. */
export interface RepairGroup {
  readonly kind: RepairKind;
  readonly count: number;
  readonly examples: readonly string[];
  /** Whether the repairs need the user's explicit consent, because they give up steps. */
  readonly givesUp: boolean;
}

interface Entry {
  readonly rank: number;
  readonly kind: RepairKind;
  readonly repair: string;
}

const EXAMPLES = 3;

/**
 * The repairs to be made, each once. They are in a temporary file of SQLite that ends with the process, so
 * that any number fits.
 */
export class RepairPlan {
  private readonly sqlite = new Database('');
  private readonly insert;

  constructor() {
    this.sqlite.exec(`
      create table repairs (rank integer not null, kind text not null, repair text primary key, gives_up integer not null,
        tried integer not null default 0) strict, without rowid;
      create index repairs_in_order on repairs (tried, rank)`);
    this.insert = this.sqlite.prepare('insert into repairs values (?, ?, ?, ?, 0) on conflict do nothing');
  }

  add(repair: Repair): void {
    this.insert.run(rankOf(repair), repair.kind, JSON.stringify(repair), givesUpSteps(repair) ? 1 : 0);
  }

  /** The number of repairs; those that give up steps count only if they are `wanted`. */
  count(wanted: boolean): number {
    const query = 'select count(*) from repairs where gives_up <= ?';
    return Number(
      this.sqlite
        .prepare(query)
        .pluck()
        .get(wanted ? 1 : 0),
    );
  }

  /** The repairs by kind, in the order in which they are made. */
  groups(): RepairGroup[] {
    const kinds = this.sqlite
      .prepare<[], { kind: RepairKind; givesUp: number; count: number }>(
        'select kind, gives_up as givesUp, count(*) as count from repairs group by rank, kind, gives_up order by rank',
      )
      .all();
    const first = this.sqlite
      .prepare<[string, number], string>(
        `select repair from repairs where kind = ? and gives_up = ? order by repair limit ${EXAMPLES}`,
      )
      .pluck();
    return kinds.map(({ kind, givesUp, count }) => ({
      kind,
      count,
      examples: first.all(kind, givesUp).map((text) => describeRepair(repairIn(text))),
      givesUp: givesUp === 1,
    }));
  }

  /** Takes out the next repairs, up to `limit` of one kind; none after all have been tried. */
  take(limit: number, wanted: boolean): Repair[] {
    const first = this.sqlite
      .prepare<[number], Entry>(
        'select * from repairs where tried = 0 and gives_up <= ? order by rank limit 1',
      )
      .get(wanted ? 1 : 0);
    if (first === undefined) return [];
    const taken = this.sqlite
      .prepare<[string, number, number], string>(
        'select repair from repairs where tried = 0 and kind = ? and gives_up <= ? order by repair limit ?',
      )
      .pluck()
      .all(first.kind, wanted ? 1 : 0, limit);
    const done = this.sqlite.prepare('update repairs set tried = 1 where repair = ?');
    this.sqlite.transaction(() => {
      for (const repair of taken) done.run(repair);
    })();
    return taken.map(repairIn);
  }

  close(): void {
    this.sqlite.close();
  }
}

function repairIn(json: string): Repair {
  return JSON.parse(json);
}
