import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';
import { z } from 'zod';

/** A shorter find, in characters, is no article; and a page with less text has nothing to leave out. */
export const minArticleChars = 500;

/** Neither library's types say what `parse()` gives without those of a browser. */
const found = z.object({ title: z.string().nullish(), content: z.string().min(1) });

/** The part of a page that is its article, as HTML, or `undefined` where none stands out. */
export function findArticle(html: string): { title: string; html: string } | undefined {
  const { document } = parseHTML(html);
  const article = found.safeParse(new Readability(document, { disableJSONLD: true }).parse());
  return article.success ? { title: article.data.title ?? '', html: article.data.content } : undefined;
}
