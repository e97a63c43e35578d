import type { ExperimentRow, Store } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { placeText } from '../context.js';
import type { Context } from '../context.js';
import { table } from '../terminal/format.js';

const CANDIDATES_SHOWN = 10;

/**
 * The experiment with this id, or with the only id that begins so.
 * @throws PanicError `InvalidInput` if there is none, or if there are several (it lists them).
 */
export async function findExperiment(
  context: Context,
  store: Store,
  idOrPrefix: string,
): Promise<ExperimentRow> {
  const wanted = idOrPrefix.toLowerCase();
  const exact = await store.experiments.find(wanted);
  if (exact !== null) return exact;
  const rows = await store.experiments.list();
  const candidates = rows.filter(({ id }) => wanted !== '' && id.startsWith(wanted));
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return only;
  if (only === undefined) {
    throw new PanicError(
      'InvalidInput',
      `no experiment "${idOrPrefix}" in ${placeText(context)}; "${context.command('list')}" shows those there are`,
    );
  }
  const shown = candidates.slice(0, CANDIDATES_SHOWN).map(({ id, name }) => [`  ${id}`, name ?? '']);
  const more = candidates.length - shown.length;
  throw new PanicError(
    'InvalidInput',
    `"${idOrPrefix}" begins the ids of ${candidates.length} experiments; give more of it:\n${table(shown)}${more > 0 ? `\n  and ${more} more` : ''}`,
  );
}
