import CShims
import Glibc

/// A system call that failed: what was tried, and why the kernel refused.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The errno value.
    public let code: Int32
    /// What was tried, with its object: `bind 192.0.2.1:5060`.
    public let operation: String

    public init(_ operation: String, code: Int32) {
        self.operation = operation
        self.code = code
    }

    /// The failure of the call that was made last on this thread.
    static func last(_ operation: String) -> SystemError { SystemError(operation, code: errno) }

    /// `bind 192.0.2.1:5060: Address already in use`.
    public var description: String { "\(operation): \(Self.text(code))" }

    /// The system's words for an errno value.
    public static func text(_ code: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let start = buffer.baseAddress else { return "error \(code)" }
            CShims_error_text(code, start, buffer.count)
            return String(cString: start)
        }
    }
}
