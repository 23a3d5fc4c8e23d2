/** What can go wrong. Every error of this package is a `SpeechError`. */

/** Base of all. */
export class SpeechError extends Error {
  override name = "SpeechError";
}

/** The gateway refused: `status` is HTTP's, and `retryAfterS` says when to come back, where it does. */
export class Refused extends SpeechError {
  override name = "Refused";
  constructor(readonly status: number, message: string, readonly retryAfterS: number | null = null) {
    super(message);
  }
}

/** The network was lost and did not come back in time, or nobody answers there. */
export class NetworkLost extends SpeechError {
  override name = "NetworkLost";
}

/** After a lost network the gateway spoke otherwise than before, so the rest would not fit. */
export class Changed extends SpeechError {
  override name = "Changed";
}

/** The phrase is not kept here, and there is no network to fetch it. */
export class NotKept extends SpeechError {
  override name = "NotKept";
}

/** Somebody stopped it. */
export class Interrupted extends SpeechError {
  override name = "Interrupted";
}
