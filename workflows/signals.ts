import { defineSignal } from '@temporalio/workflow';

/**
 * `pause` stops an experiment, a shard or a run at the step that is stored; `resume` makes it continue from
 * there. A signal that a person sends means the workflow itself. A workflow sends `parent` to its children,
 * which may also be paused by themselves.
 */
export const pause = defineSignal<[from?: 'parent']>('pause');
export const resume = defineSignal<[from?: 'parent']>('resume');
