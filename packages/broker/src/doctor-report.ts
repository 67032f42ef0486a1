import { type Diagnosis, type Finding, type Severity, severities } from '@warren/topology';
import type { CommandOutput } from './topology-context.js';

/** A diagnosis for people: a block a severity, then what was found good and what was not looked at. */
export function diagnosisText(diagnosis: Diagnosis, output: Pick<CommandOutput, 'prose'>): string {
  const { findings, good, notChecked } = diagnosis;
  const blocks = severities.flatMap((severity) => {
    const found = findings.filter((one) => one.severity === severity);
    return found.length === 0 ? [] : [blockText(severity, found, output)];
  });
  const last = [
    ...(good.length === 0 ? [] : [output.prose(good.join(', '), 'good: ')]),
    ...notChecked.map(({ check, why }) => output.prose(`${check} (${why})`, 'not checked: ')),
  ];
  return [...blocks, last.join('\n')].filter((part) => part !== '').join('\n\n');
}

function blockText(severity: Severity, found: readonly Finding[], { prose }: Pick<CommandOutput, 'prose'>): string {
  const rows = found.map(({ code, where, what, mend }) =>
    [prose(where, `  ${code}  `), prose(what, '    '), prose(mend, '    mend: ')].join('\n'),
  );
  return [headingOf(severity, found.length), ...rows].join('\n');
}

function headingOf(severity: Severity, count: number): string {
  switch (severity) {
    case 'error':
      return count === 1 ? '1 ERROR' : `${count} ERRORS`;
    case 'warning':
      return count === 1 ? '1 WARNING' : `${count} WARNINGS`;
    case 'information':
      return 'INFORMATION';
    default:
      return severity satisfies never;
  }
}
