/** What Node says of a failure: its code (`ENOENT`, `ECONNRESET`, `HPE_…`) and its message, either of which may be missing. */
export function errorSaid(error: unknown): { code: string; message: string } {
  const fields = typeof error === 'object' && error !== null ? error : {};
  return {
    code: 'code' in fields && typeof fields.code === 'string' ? fields.code : 'unknown error',
    message: 'message' in fields && typeof fields.message === 'string' ? fields.message : '',
  };
}
