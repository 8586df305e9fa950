import COpenSSL

/// What a client keeps to begin its next connection to the same server with a shorter handshake (RFC 8446 §2.2).
public final class TLSSession {
    let handle: OpaquePointer
    /// The context that it was made with: with another one the server would have been asked other questions.
    let context: TLSContext

    /// Takes over one reference to `handle`.
    init(_ handle: OpaquePointer, of context: TLSContext) {
        (self.handle, self.context) = (handle, context)
    }

    deinit { SSL_SESSION_free(handle) }
}
