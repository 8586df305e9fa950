import COpenSSL

/// Why there is no association, in words for a log.
public struct DTLSFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }

    /// What OpenSSL says went wrong last, behind what was tried. Empties the thread's list of errors.
    static func openSSL(_ attempt: String) -> DTLSFailure {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        guard code != 0, let reason = ERR_reason_error_string(code) else { return DTLSFailure(attempt) }
        return DTLSFailure("\(attempt): \(String(cString: reason))")
    }
}
