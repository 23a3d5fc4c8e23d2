/** What can go wrong. Every error of this package is a `SpeechError`. */
/** Base of all. */
export class SpeechError extends Error {
    name = "SpeechError";
}
/** The gateway refused: `status` is HTTP's, and `retryAfterS` says when to come back, where it does. */
export class Refused extends SpeechError {
    status;
    retryAfterS;
    name = "Refused";
    constructor(status, message, retryAfterS = null) {
        super(message);
        this.status = status;
        this.retryAfterS = retryAfterS;
    }
}
/** The network was lost and did not come back in time, or nobody answers there. */
export class NetworkLost extends SpeechError {
    name = "NetworkLost";
}
/** After a lost network the gateway spoke otherwise than before, so the rest would not fit. */
export class Changed extends SpeechError {
    name = "Changed";
}
/** The phrase is not kept here, and there is no network to fetch it. */
export class NotKept extends SpeechError {
    name = "NotKept";
}
/** Somebody stopped it. */
export class Interrupted extends SpeechError {
    name = "Interrupted";
}
