/**
 * The limits of Function Compute that the local platform keeps (help page "Limits of usage", FC 3.0), and its own.
 * Sizes are bytes; names end in the unit of everything else.
 */
const KB = 1024;
const MB = 1024 * KB;

/** Event of a synchronous call, a stream's batch included, and body of an HTTP request. */
export const SYNC_EVENT_BYTES_MAX = 32 * MB;
/** Answer of a function. The FC 3.0 figure is not published for events; the HTTP one is taken for both. */
export const ANSWER_BYTES_MAX = 32 * MB;
/** Event of an asynchronous call, over HTTP and from a stream too. */
export const ASYNC_EVENT_BYTES_MAX = 128 * KB;
/** All headers of an HTTP request, and of its response. */
export const HTTP_HEADER_BYTES_MAX = 8 * KB;
/** Path and query of an HTTP request. */
export const HTTP_TARGET_BYTES_MAX = 4 * KB;
/** One line of a function's log; longer ones are cut. */
export const LOG_LINE_BYTES_MAX = 32 * KB;
/** What `x-fc-log-type: Tail` gives back. */
export const LOG_TAIL_BYTES_MAX = 4 * KB;
/** All user variables of a function together, names and values. */
export const ENVIRONMENT_BYTES_MAX = 4 * KB;

/** A message of Simple Message Queue (SMQ, formerly MNS), encoded as it is stored. */
export const MESSAGE_BYTES_MAX = 64 * KB;
/** A call made by an event stream ends after this, whatever the function's own time-out. */
export const STREAM_CALL_MS_MAX = 5 * 60_000;

/** A process must listen within this time after its start (help page "Web functions"). */
export const START_MS_MAX = 120_000;
/** Time-out of a function or a hook that names none. */
export const TIMEOUT_S_DEFAULT = 3;
/** Retries of an asynchronous call that names none. */
export const ASYNC_RETRIES_DEFAULT = 3;
/** A signed request may be this much older or newer than our clock. */
export const SIGNATURE_SKEW_MS_MAX = 15 * 60_000;

/** Instances of one function. FC allows 100 a region; a laptop has a few cores. */
export const INSTANCES_MAX_DEFAULT = 10;
/** FC destroys idle instances after some minutes; a laptop wants its memory back sooner. */
export const IDLE_MS_DEFAULT = 60_000;
/** Calls of one function that wait for an instance; one more is answered with 429. */
export const WAITING_CALLS_MAX = 1_000;
/** How long `close()` waits for running calls. */
export const CLOSE_GRACE_MS = 10_000;
