/** Ids in the forms that Function Compute and Simple Message Queue use. */
import { randomBytes } from 'node:crypto';

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
const seconds = (): string => Math.floor(Date.now() / 1000).toString(16);

export const newRequestId = (): string => `1-${seconds()}-${hex(4)}-${hex(6)}`;
export const newInstanceId = (): string => `c-${seconds()}-${hex(4)}-${hex(6)}`;
/** SMQ: 32 upper-case hex digits. Time first, so that ids sort in the order of sending, roughly. */
export const newMessageId = (): string => `${seconds()}${hex(12)}`.toUpperCase();
