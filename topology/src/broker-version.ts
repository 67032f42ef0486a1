/** Whether a broker's version is `major.minor` or later. One that can't be read counts as a new one. */
export function versionAtLeast(version: string, major: number, minor: number): boolean {
  const [, majorText, minorText] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (majorText === undefined || minorText === undefined) return true;
  const [has, hasMinor] = [Number(majorText), Number(minorText)];
  return has > major || (has === major && hasMinor >= minor);
}
