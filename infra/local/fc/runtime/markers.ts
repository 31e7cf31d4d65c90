/** The lines with which a runtime brackets the log of one call, as FC's own runtimes do. */
export const startLine = (requestId: string): string => `FC Invoke Start RequestId: ${requestId}`;
export const endLine = (requestId: string): string => `FC Invoke End RequestId: ${requestId}`;
