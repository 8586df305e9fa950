import NetworkTypes
import SRTP

/// What must hold for any packet that SRTP is done to: our cryptography and libsrtp2's agree, octet by octet; what was
/// protected comes back; what was bent, or came before, does not.
///
/// The first octet says what is done with which suite, the two after it where the packet is bent.
public enum SecurePacketCheck {
    public static func run(_ input: [UInt8]) {
        guard input.count >= 3 else { return }
        let suite = CryptoSuite.allCases[Int(input[0] & 7) % CryptoSuite.allCases.count]
        let isControl = input[0] & 8 != 0
        let mki: [UInt8] = input[0] & 32 != 0 ? [1, 2, 3, 4] : []
        let key = [UInt8](repeating: 7, count: suite.keyLength)
        let salt = [UInt8](repeating: 8, count: suite.saltLength)
        guard let keys = KeyingMaterial(suite, key: key, salt: salt, mki: mki) else {
            preconditionFailure("the lengths are those of the suite")
        }
        let packet = Array(input.dropFirst(3))
        if input[0] & 16 == 0 { return refuse(packet, keys, isControl) }
        roundTrip(packet, keys, isControl, bend: Int(input[1]) << 8 | Int(input[2]))
    }

    private static func contexts(_ keys: KeyingMaterial, _ direction: SRTPContext.Direction) -> [SRTPContext] {
        [SRTPContext.BackEnd.openSSL, .libsrtp].map { backEnd in
            guard let context = try? SRTPContext(keys, direction, backEnd: backEnd) else {
                preconditionFailure("a context can be made")
            }
            return context
        }
    }

    /// Nobody guesses a tag.
    private static func refuse(_ packet: [UInt8], _ keys: KeyingMaterial, _ isControl: Bool) {
        for context in contexts(keys, .receiving) {
            precondition(open(packet, context, isControl) == nil, "what nobody protected is refused")
            precondition(context.streamCount == 0, "and leaves nothing behind")
        }
    }

    private static func roundTrip(_ packet: [UInt8], _ keys: KeyingMaterial, _ isControl: Bool, bend place: Int) {
        let sealed = contexts(keys, .sending).map { seal(packet, $0, isControl) }
        precondition(sealed[0] == sealed[1], "both protect alike")
        guard let sealed = sealed[0] else { return }
        var bent = sealed
        bent[place % bent.count] ^= 1 << UInt8(place >> 11 & 7)
        // libsrtp2 looks for the identifier before a tag of the length that RTP's has, and finds nothing.
        let isMisread = isControl && !keys.mki.isEmpty && keys.suite.tagLength != keys.suite.controlTagLength
        for context in contexts(keys, .receiving).prefix(isMisread ? 1 : 2) {
            precondition(open(bent, context, isControl) == nil, "what was bent is refused")
            precondition(open(sealed, context, isControl) == packet, "what was protected comes back")
            precondition(open(sealed, context, isControl) == nil, "once")
        }
    }

    private static func seal(_ packet: [UInt8], _ context: SRTPContext, _ isControl: Bool) -> [UInt8]? {
        var slot = packet + [UInt8](repeating: 0, count: SRTPContext.maximumOverhead)
        var span = slot.mutableSpan
        let length =
            isControl
            ? try? context.protectControl(&span, length: packet.count)
            : try? context.protect(&span, length: packet.count)
        return length.map { Array(slot[..<$0]) }
    }

    private static func open(_ packet: [UInt8], _ context: SRTPContext, _ isControl: Bool) -> [UInt8]? {
        var slot = packet
        var span = slot.mutableSpan
        let length =
            isControl
            ? try? context.unprotectControl(&span, length: packet.count)
            : try? context.unprotect(&span, length: packet.count)
        guard let length else {
            precondition(slot == packet, "what is refused stays as it was")
            return nil
        }
        return Array(slot[..<length])
    }
}
