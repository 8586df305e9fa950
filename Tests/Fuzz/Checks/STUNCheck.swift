import NetworkTypes
import STUN

/// What must hold for any datagram that is read as STUN: ranges lie within it, and its answer can be read and is as long
/// as its slot at most. What our writer writes, whatever it is asked for, can be read as well.
public enum STUNCheck {
    public static func run(_ input: [UInt8]) {
        for usage in [STUNUsage.keepAlive, .connectivityCheck] { read(input, usage) }
        if let request = STUNBindingRequest(input) {
            let answer = request.response(to: source)
            precondition(STUNMessage(answer, for: .keepAlive) != nil, "what is answered can be read")
        }
        write(input)
    }

    private static let source = SocketAddress(IPAddress(v4: 0xc633_6442), 4_000)

    private static func read(_ bytes: [UInt8], _ usage: STUNUsage) {
        guard let message = STUNMessage(bytes, for: usage) else { return }
        precondition(bytes.count <= STUNMessage.maximumLength && bytes.count % 4 == 0, "a message has its length")
        let ranges = [message.username, message.integrity?.covered, message.integrity?.value]
        for range in ranges.compactMap(\.self) {
            precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a value lies within its message")
        }
        answer(message, room: 256)
        answer(message, room: Int(bytes[bytes.count - 1]))
    }

    private static func answer(_ message: STUNMessage, room: Int) {
        var octets = [UInt8](repeating: 0, count: room)
        var slot = octets.mutableSpan
        let length = message.writeResponse(to: source, in: &slot) { writer, slot in
            writer.sign(in: &slot) { _ in [UInt8](repeating: 3, count: 20) }
        }
        guard let length else { return }
        precondition(length <= room, "an answer is no longer than its slot")
        guard let read = STUNMessage(Array(octets[..<length]), for: .connectivityCheck) else {
            preconditionFailure("an answer can be read")
        }
        precondition(read.transactionID == message.transactionID, "an answer is that to the request")
        precondition(read.hasFingerprint == message.hasFingerprint, "a fingerprint is answered by one")
        if message.unknownAttributes.isEmpty {
            precondition(read.kind == .success && read.mappedAddress == source, "it says where the request came from")
        } else {
            precondition(read.kind == .error && read.errorCode == 420, "or what was not understood")
        }
    }

    /// A check as the input wants it, in a slot of the size that the input wants.
    private static func write(_ input: [UInt8]) {
        guard input.count >= 4 else { return }
        var octets = [UInt8](repeating: 0, count: Int(input[0]) * 4)
        var slot = octets.mutableSpan
        let id = STUNTransactionID(high: UInt32(input[1]), low: UInt64(input[2]))
        var writer = STUNWriter(.request, id, in: &slot)
        let name = Array(input.dropFirst(4).prefix(64))
        if input[3] & 1 != 0 { writer.addUsername(name, to: &slot) }
        if input[3] & 2 != 0 { writer.addPriority(UInt32(input[1]) << 24, to: &slot) }
        if input[3] & 4 != 0 { writer.addUseCandidate(to: &slot) }
        if input[3] & 8 != 0 { writer.addRole(.controlling(UInt64(input[2])), to: &slot) }
        if input[3] & 16 != 0 { writer.sign(in: &slot) { _ in [UInt8](repeating: 3, count: 20) } }
        if input[3] & 32 != 0 { writer.addFingerprint(to: &slot) }
        guard let length = writer.finish(in: &slot) else { return }
        precondition(length <= octets.count, "what is written lies in its slot")
        guard let read = STUNMessage(Array(octets[..<length]), for: .connectivityCheck) else {
            preconditionFailure("what was written can be read")
        }
        precondition(read.usesCandidate == (input[3] & 4 != 0) && read.hasFingerprint == (input[3] & 32 != 0))
        precondition(read.username.map { Array(octets[$0]) } == (input[3] & 1 != 0 ? name : nil), "as it was written")
    }
}
