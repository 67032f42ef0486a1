import { describe, expect, it } from '@jest/globals';
import { defaultSourcesConfig, sourcesConfigFrom } from './config.js';

describe('sourcesConfigFrom', () => {
  it('gives the defaults for an environment that says nothing', () => {
    expect(sourcesConfigFrom({ WARREN_SOURCES_DIRS: '', HOME: '/root' })).toEqual(defaultSourcesConfig);
  });

  it('reads every variable', () => {
    const config = sourcesConfigFrom({
      WARREN_SOURCES_DIRS: '/srv/docs:: ./notes ',
      WARREN_SOURCES_ALLOW_HOSTS: 'wiki.internal:8080, ::1',
      WARREN_SOURCES_MAX_BYTES: '1000',
      WARREN_SOURCES_TIMEOUT_MS: '2000',
      WARREN_SOURCES_MAX_REDIRECTS: '0',
      WARREN_SOURCES_MAX_FILES: '3',
      WARREN_SOURCES_MAX_DEPTH: '0',
      WARREN_SOURCES_MAX_ENTRIES: '30',
    });
    expect(config).toEqual({
      directories: ['/srv/docs', './notes'],
      allowedHosts: ['wiki.internal:8080', '::1'],
      maxBytes: 1000,
      timeoutMs: 2000,
      maxRedirects: 0,
      maxFiles: 3,
      maxDepth: 0,
      maxEntries: 30,
    });
  });

  it.each([
    ['WARREN_SOURCES_MAX_BYTES', '0'],
    ['WARREN_SOURCES_MAX_BYTES', '10MiB'],
    ['WARREN_SOURCES_TIMEOUT_MS', '-1'],
    ['WARREN_SOURCES_TIMEOUT_MS', '99999999999'],
    ['WARREN_SOURCES_MAX_REDIRECTS', '1.5'],
    ['WARREN_SOURCES_ALLOW_HOSTS', 'wiki,http://other'],
  ])('names %s when it is %s', (variable, value) => {
    expect(() => sourcesConfigFrom({ [variable]: value })).toThrow(variable);
  });
});
