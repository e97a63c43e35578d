import type { SearchAttributePair } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import type { Indexing } from './names.js';

/** Sets search attributes of the calling workflow if the namespace has them. */
export function setAttributes({ unindexed }: Indexing, attributes: SearchAttributePair[]): void {
  if (unindexed !== true) upsertSearchAttributes(attributes);
}
