import { expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { startExperiment } from '../../cli/session/follow.js';
import { experimentId } from '../../experiment/ids.js';
import { dummyConfig } from '../support/stored-run.js';
import type { Laboratory } from '../support/laboratory.js';
import { actingIn, NASTY } from '../support/nasty.js';

const LINK = '[click](https://example.org) <img src=x> ` ';

/**
 * The texts of a workflow and its activities that people see: summaries, details, search attributes, failures.
 */
async function shownOf(handle: WorkflowHandle): Promise<string[]> {
  const description = await handle.describe();
  const { events } = await handle.fetchHistory();
  const summaries = (events ?? []).flatMap(({ userMetadata }) => {
    const payload = userMetadata?.summary;
    return payload == null ? [] : [defaultPayloadConverter.fromPayload<string>(payload)];
  });
  const failures = (events ?? []).flatMap((event) => [
    event.activityTaskFailedEventAttributes?.failure?.message ?? '',
    event.workflowExecutionFailedEventAttributes?.failure?.message ?? '',
    event.workflowExecutionFailedEventAttributes?.failure?.cause?.message ?? '',
  ]);
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return [
    (await description.staticSummary()) ?? '',
    (await description.staticDetails()) ?? '',
    metadata.currentDetails ?? '',
    JSON.stringify(description.searchAttributes),
    ...summaries,
    ...failures,
  ];
}

/** Makes the tests of what the web UI shows of names, prompts and failures. */
export function testShownTexts(opened: () => Laboratory): void {
  test('names and prompts are shown as text: no character acts, and no markup is rendered', async () => {
    const config = { ...dummyConfig, name: `${LINK}${NASTY}`, prompts: [`${LINK}${NASTY}`], max_length: 4 };
    const id = experimentId(config);
    const session = { client: opened().client, unindexed: async () => null };
    const handle = await startExperiment(session, id, config);
    const described = opened().client.workflow.getHandle(`run-${id}-0`);
    expect((await handle.result()).status).toBe('completed');
    const shown = [...(await shownOf(handle)), ...(await shownOf(described))];
    const whole = shown.join('\n');
    expect(whole).toMatch(/``\[click\]\(https:\/\/example\.org\) <img src=x> ` \\u001b/);
    expect(shown.map(actingIn).flat()).toEqual([]);
    // Nothing of the link is left outside of code spans.
    expect(whole.replaceAll(/(`+)(?!`).*?[^`]\1(?!`)/g, '')).not.toMatch(/click|<img/);
  });

  test('a failure names its input in visible characters', async () => {
    const handle = await opened().start({ ...dummyConfig, [NASTY]: NASTY, networks: [[NASTY]] }, 'nasty');
    await expect(handle.result()).rejects.toThrow();
    const shown = await shownOf(handle);
    expect(shown.join('\n')).toContain('\\u001b]0;owned\\u0007');
    expect(shown.map(actingIn).flat()).toEqual([]);
  });
}
