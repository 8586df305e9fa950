import Foundation
import NetworkTypes
import SDP
import SRTP

/// SRTP at one end of a call, with keys from both ends' SDP (RFC 3711, RFC 4568). Everything is encrypted and verified,
/// since that is a small part of what a packet costs the generator.
final class SecureAudio {
    static let suite = CryptoSuite.aes128SHA1x80

    /// How packets are spoiled on purpose, to see what it costs to drop them.
    enum Damage: String, Codable, CaseIterable {
        /// The last octet of the tag is another one: found out only by computing it.
        case tag
        /// The version is wrong: seen at the first look.
        case header
    }

    /// The tag of the crypto line that both ends have settled on, and the key that this end sends with.
    private let tag: UInt32
    private let own: KeyingMaterial
    private let sender: SRTPContext
    private let receiver: SRTPContext

    /// Answers an offer; nil unless it is SRTP with the suite.
    init?(answering sdp: some Sequence<UInt8>) {
        guard let session = try? SDP.SessionDescription(Array(sdp)), let audio = session.media.first,
            let line = audio.crypto.first(where: { $0.keys.suite == Self.suite })
        else { return nil }
        let own = KeyingMaterial(random: Self.suite)
        guard let sender = try? SRTPContext(own, .sending), let receiver = try? SRTPContext(line.keys, .receiving)
        else { return nil }
        (tag, self.own, self.sender, self.receiver) = (line.tag, own, sender, receiver)
    }

    /// The `a=crypto` line of this end, line end included.
    var line: String {
        "a=crypto:\(tag) \(Self.suite.name) inline:\(Data(own.key + own.salt).base64EncodedString())\r\n"
    }

    /// Protects the packet in the first `length` octets; the length it has then. 0 when that is impossible.
    func protect(_ packet: UnsafeMutableRawBufferPointer, length: Int, damage: Damage?) -> Int {
        var span = packet.bindMemory(to: UInt8.self).mutableSpan
        guard let length = try? sender.protect(&span, length: length) else { return 0 }
        switch damage {
        case nil: break
        case .tag: packet[length - 1] ^= 1
        case .header: packet[0] = 0x40
        }
        return length
    }

    /// Verifies and decrypts a packet in place; the length of the plain one, nil when it isn't authentic.
    func unprotect(_ packet: UnsafeMutableRawBufferPointer) -> Int? {
        var span = packet.bindMemory(to: UInt8.self).mutableSpan
        return try? receiver.unprotect(&span, length: packet.count)
    }
}
