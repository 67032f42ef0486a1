import { describe, expect, it } from '@jest/globals';
import { chosenColumns, columnsOption, parseColumnNames } from './columns.js';
import { UsageError } from './errors.js';
import type { Column } from './table.js';

const columns: readonly Column<string>[] = ['id', 'state', 'tenant'].map((name) => ({
  name,
  text: (row) => row,
  optional: name === 'tenant',
}));
const namesOf = (names: readonly string[] | undefined) => chosenColumns(columns, names).map((column) => column.name);

describe('--columns', () => {
  it('shows the named ones in their order, each once', () => {
    expect(namesOf(parseColumnNames('tenant, ID,id', columns))).toEqual(['tenant', 'id']);
  });

  it('without it, all but the optional ones', () => {
    expect(namesOf(undefined)).toEqual(['id', 'state']);
  });

  it('lists the valid ones in help and in the error', () => {
    expect(columnsOption(columns).description).toContain('id,state,tenant');
    expect(() => parseColumnNames('id,nope', columns)).toThrow(UsageError);
    expect(() => parseColumnNames('id,nope', columns)).toThrow(
      expect.objectContaining({
        message: '--columns: there is no column "nope"',
        next: 'choose from id, state, tenant',
      }),
    );
  });
});
