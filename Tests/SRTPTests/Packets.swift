import NetworkTypes
import SRTP

/// The octets that hexadecimal digits spell; spaces count for nothing.
func hex(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// A generator that gives the same numbers in each run (SplitMix64).
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }

    mutating func octets(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

/// An RTP packet with `payload` octets, all of the value `fill`.
func rtp(_ sequenceNumber: Int, ssrc: UInt32 = 0xcafe_babe, payload: Int = 160, fill: UInt8 = 0xd5) -> [UInt8] {
    let number = UInt16(truncatingIfNeeded: sequenceNumber)
    return [0x80, 0, UInt8(number >> 8), UInt8(number & 0xff), 0, 0, 0, 1] + octets(ssrc)
        + [UInt8](repeating: fill, count: payload)
}

/// A receiver report with one block.
func rtcp(ssrc: UInt32 = 0xcafe_babe) -> [UInt8] {
    [0x81, 201, 0, 7] + octets(ssrc) + [UInt8](repeating: 0x33, count: 24)
}

func octets(_ word: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }

/// Keys that are the same in each run.
func keys(_ suite: CryptoSuite, seed: UInt64 = 1, mki: [UInt8] = []) -> KeyingMaterial {
    var dice = Dice(state: seed)
    return KeyingMaterial(suite, key: dice.octets(suite.keyLength), salt: dice.octets(suite.saltLength), mki: mki)!
}

enum PacketKind: CaseIterable { case media, control }

extension SRTPContext {
    /// The packet as it is after the operation, in a buffer with room behind it; what the buffer holds on failure must
    /// be what it held before.
    func protect(_ packet: [UInt8], _ kind: PacketKind = .media) throws(SRTPError) -> [UInt8] {
        var slot = packet + [UInt8](repeating: 0, count: Self.maximumOverhead)
        var span = slot.mutableSpan
        let length =
            kind == .media
            ? try protect(&span, length: packet.count) : try protectControl(&span, length: packet.count)
        return Array(slot[..<length])
    }

    func unprotect(_ packet: [UInt8], _ kind: PacketKind = .media) throws(SRTPError) -> [UInt8] {
        var slot = packet
        do {
            var span = slot.mutableSpan
            let length =
                kind == .media
                ? try unprotect(&span, length: packet.count) : try unprotectControl(&span, length: packet.count)
            return Array(slot[..<length])
        } catch {
            if slot != packet { throw .failed }
            throw error
        }
    }

    /// What happens to a packet: nil when all is well.
    func refusal(of packet: [UInt8], _ kind: PacketKind = .media) -> SRTPError? {
        do {
            _ = direction == .sending ? try protect(packet, kind) : try unprotect(packet, kind)
            return nil
        } catch { return error }
    }
}
