public import NetworkTypes

/// A STUN Binding request as far as one is answered that nobody signed: a keep-alive (RFC 5626 §3.5.2).
public struct STUNBindingRequest: Hashable, Sendable {
    public let message: STUNMessage

    /// Reads the whole of a datagram; nil when it is anything else, a response included.
    public init?(_ bytes: [UInt8]) {
        guard let message = STUNMessage(bytes, for: .keepAlive), message.kind == .request else { return nil }
        self.message = message
    }

    /// The answer: where the request came from, or, where it asks for what we don't know, that (420).
    public func response(to source: SocketAddress) -> [UInt8] {
        var octets = [UInt8](repeating: 0, count: 256)
        var slot = octets.mutableSpan
        let length = message.writeResponse(to: source, in: &slot) { _, _ in }
        return Array(octets.prefix(length ?? 0))
    }
}

extension STUNMessage {
    /// Writes the answer to a request (RFC 8489 §6.3.1) in its place: XOR-MAPPED-ADDRESS, or 420 with what was not
    /// understood. `sign` adds what proves that it is ours; a FINGERPRINT is answered by one. nil where the slot is too
    /// small.
    public func writeResponse(
        to source: SocketAddress, in slot: inout MutableSpan<UInt8>,
        sign: (inout STUNWriter, inout MutableSpan<UInt8>) -> Void
    ) -> Int? {
        guard unknownAttributes.isEmpty else {
            return writeError(420, "Unknown Attribute", in: &slot, sign: sign)
        }
        var writer = STUNWriter(.success, transactionID, in: &slot)
        writer.addMappedAddress(source, to: &slot)
        sign(&writer, &slot)
        if hasFingerprint { writer.addFingerprint(to: &slot) }
        return writer.finish(in: &slot)
    }

    /// Writes an error response in the place of the request.
    public func writeError(
        _ code: UInt16, _ reason: StaticString, in slot: inout MutableSpan<UInt8>,
        sign: (inout STUNWriter, inout MutableSpan<UInt8>) -> Void
    ) -> Int? {
        var writer = STUNWriter(.error, transactionID, in: &slot)
        writer.addError(code, reason, to: &slot)
        if !unknownAttributes.isEmpty { writer.addUnknown(unknownAttributes, to: &slot) }
        sign(&writer, &slot)
        if hasFingerprint { writer.addFingerprint(to: &slot) }
        return writer.finish(in: &slot)
    }
}
