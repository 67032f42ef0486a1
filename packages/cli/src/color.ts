import pico from 'picocolors';

/** What a colour means; which colour that is stands here alone. */
export type Tone = 'good' | 'bad' | 'warn' | 'dim' | 'strong';

export interface ColorWishes {
  /** False with `--no-color`. */
  readonly flag: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the stream that would be coloured is a terminal. */
  readonly isTty: boolean;
}

/** `--no-color` and NO_COLOR win over FORCE_COLOR, which wins over what the stream is. */
export function wantsColor({ flag, env, isTty }: ColorWishes): boolean {
  if (!flag || isSet(env.NO_COLOR)) return false;
  if (isSet(env.FORCE_COLOR)) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return isTty && env.TERM !== 'dumb';
}

export function paint(text: string, tone: Tone | undefined, color: boolean): string {
  if (!color || tone === undefined || text === '') return text;
  const colors = pico.createColors(true);
  switch (tone) {
    case 'good':
      return colors.green(text);
    case 'bad':
      return colors.red(text);
    case 'warn':
      return colors.yellow(text);
    case 'dim':
      return colors.dim(text);
    case 'strong':
      return colors.bold(text);
  }
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
