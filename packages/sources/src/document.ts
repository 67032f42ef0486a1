/** What a task's text is once it has been read: the text without markup, and the blocks it is made of. */
export interface Document {
  /** How people know it: the path as given, the URL, or `text`. */
  readonly name: string;
  readonly kind: 'text' | 'file' | 'url';
  readonly format: 'plain' | 'markdown' | 'html';
  readonly title: string | null;
  /** The extracted text: every block's text, blocks separated by a blank line. */
  readonly text: string;
  /** Size of what was read, in bytes. */
  readonly bytes: number;
  /** In reading order, without overlaps. */
  readonly blocks: readonly Block[];
}

export interface Block {
  readonly kind: 'heading' | 'paragraph' | 'list-item' | 'quote' | 'code' | 'table';
  /** Heading level 1-6, list depth from 1; 0 for the others. */
  readonly level: number;
  /** Without blank space around it. A line break of plain text or Markdown stays `\n`; in HTML only `<br>` and code give one. */
  readonly text: string;
  /** Where the block's text begins in the document's `text`, in UTF-16 units. */
  readonly start: number;
  /** Line, from 1, on which the block's text begins in the source as it was read; of HTML, the line of the element around it. */
  readonly line: number;
}
