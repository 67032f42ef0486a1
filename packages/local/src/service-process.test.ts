import { describe, expect, it } from '@jest/globals';
import { saysReady } from './service-process.js';

describe('saysReady', () => {
  it('knows the line by which a service says that it works', () => {
    expect(saysReady('{"level":30,"time":1,"service":"producer","msg":"ready"}')).toBe(true);
    expect(saysReady('{"msg" : "ready"}')).toBe(true);
    expect(saysReady('{"level":30,"msg":"not ready"}')).toBe(false);
    expect(saysReady('ready')).toBe(false);
  });
});
