import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Folders of the repository without source of ours. */
const NOT_OURS = new Set(['node_modules', 'dist', '.git']);

/** Every file of the repository below a folder, by its path from the root. */
export function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

/** A page of Markdown, by its path from the root of the repository. */
export interface Page {
  readonly file: string;
  readonly text: string;
}

export function readPage(file: string): Page {
  return { file, text: readFileSync(join(root, file), 'utf8') };
}

/** The pages that a reader of the package gets: README, ARCHITECTURE, and everything in docs/. */
export function documentPages(): Page[] {
  const docs = filesBelow('docs').filter((file) => file.endsWith('.md'));
  return ['README.md', 'ARCHITECTURE.md', ...docs].map(readPage);
}

/** The text of a page without its blocks of code. */
export function prose({ text }: Page): string {
  return text.replace(/^( *)```.*?^\1```$/gms, '');
}

/**
 * The places in a page that a link can name. GitHub makes them of its headings
 * (github.com/gjtorikian/html-pipeline, toc_filter.rb).
 */
export function anchorsOf(page: Page): string[] {
  const seen = new Map<string, number>();
  return [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replaceAll(' ', '-');
    const earlier = seen.get(anchor) ?? 0;
    seen.set(anchor, earlier + 1);
    return earlier === 0 ? anchor : `${anchor}-${earlier}`;
  });
}

/** A link of a page to a file of the repository: the file by its path from the root, and the anchor or ''. */
export interface Link {
  readonly from: string;
  readonly to: string;
  readonly anchor: string;
}

/** The relative links and pictures of a page. */
export function linksOf(page: Page): Link[] {
  const targets = [...prose(page).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target!);
  return targets
    .filter((target) => !/^[a-z]+:/i.test(target))
    .map((target) => {
      const [path = '', anchor = ''] = target.split('#');
      const to = path === '' ? page.file : posix.join(posix.dirname(page.file), path);
      return { from: page.file, to, anchor };
    });
}
