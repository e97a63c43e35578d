import type { Command } from 'commander';
import { OBJECTS_PLACE_FORMAT } from '../../db/objects/place.js';
import type { Context, GlobalOptions } from '../context.js';
import { describeCommand } from './describe-command.js';

type Act = (options: GlobalOptions, work: (context: Context) => Promise<number> | number) => Promise<void>;

interface CopyCommandOptions {
  readonly from?: string;
  readonly to: string;
  readonly verify?: boolean;
}

interface UseCommandOptions {
  readonly incomplete?: boolean;
  readonly takeOver?: boolean;
}

/** `panic-tda objects …`: the pictures beside the database. */
export function addObjectCommands(objects: Command, act: Act): void {
  objects.usage('<command> [options]').helpCommand(false);
  describeCommand(objects.command('copy'), 'copy every object from one place to another', COPY_HELP)
    .requiredOption('--to <place>', `where to: ${OBJECTS_PLACE_FORMAT}`)
    .option('--from <place>', 'where from; default: the objects of this data folder, or PANIC_TDA_OBJECTS')
    .option('--verify', 'read what is at the target already, too, and replace what is damaged')
    .action(async ({ from, to, verify = false }: CopyCommandOptions, command: Command) => {
      const { copyBetween } = await import('../commands/objects-copy.js');
      await act(command.optsWithGlobals<GlobalOptions>(), (context) =>
        copyBetween(context, { from, to, verify }),
      );
    });
  describeCommand(
    objects.command('use'),
    'record that the pictures of the database are where this machine has them',
    USE_HELP,
  )
    .option('--incomplete', 'also if some are missing there')
    .option('--take-over', 'also if they belong to another database that is gone for good')
    .action(async ({ incomplete = false, takeOver = false }: UseCommandOptions, command: Command) => {
      const { usePlace } = await import('../commands/objects-use.js');
      await act(command.optsWithGlobals<GlobalOptions>(), (context) =>
        usePlace(context, { incomplete, takeOver }),
      );
    });
}

export const OBJECTS_HELP = `Pictures are objects beside the database, each named by the SHA-256 of its bytes: in a folder, or in a bucket of an S3 service
that several machines share (PANIC_TDA_OBJECTS=s3://BUCKET/PREFIX; docs/objects.md).

Example:
  panic-tda objects copy --to s3://panic-tda/lab     from the folder of this data folder to a bucket
  PANIC_TDA_OBJECTS=s3://panic-tda/lab panic-tda objects use      from now on they are there

Exit codes: 0 done, 1 some objects could not be copied, 2 the request is wrong.`;

const COPY_HELP = `Each object is hashed when it is read, and compared with its hash again by the S3 service that receives it. Objects that
are already at the target are skipped, so the same command continues after an interruption. Nothing is deleted, and no row changes:
afterwards set PANIC_TDA_OBJECTS to the new place, and say so to the database with "panic-tda objects use".

The S3 service is that of AWS_ENDPOINT_URL_S3, AWS_REGION and the credentials of the AWS SDK (docs/objects.md). From one service to
another, copy by way of a folder.

Exit codes: 0 every object is at the target, 1 some were damaged or the service failed (the others are there), 2 the request is
wrong, 130 / 143 / 129 stopped by Ctrl-C / SIGTERM / a closed terminal; the same command continues.`;

const USE_HELP = `A database remembers where its pictures are, and a worker that would keep them somewhere else is refused. This records
the place that PANIC_TDA_OBJECTS names, or the folder of the data folder, after a look at its listing: every picture of the
database has to be there (--incomplete: "doctor --fix" computes those that are missing again). Workers that are running keep the place
that they have: stop them before. A folder or bucket that was moved, renamed or copied as a whole needs none of this: it
keeps its marks (panic-tda-objects.id, panic-tda-objects.owner.json).

The second mark says to which database the pictures belong. A restored or copied database is another one, and is refused where the pictures of its
original are; after the loss of the original, --take-over gives them to this one, and refuses the original from then on.

Exit codes: 0 recorded, 2 there is no database, pictures are missing there, or they belong to another database.`;
