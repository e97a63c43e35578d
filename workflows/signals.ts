import { defineSignal } from '@temporalio/workflow';

/**
 * An experiment, a shard or a run stops at the step that is stored, or goes on from it. Sent by hand they mean the workflow
 * itself; `parent` is what a workflow passes on to its children, which may besides be held for themselves.
 */
export const pause = defineSignal<[from?: 'parent']>('pause');
export const resume = defineSignal<[from?: 'parent']>('resume');
