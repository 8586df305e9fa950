import NetworkTypes
import STUN
import TestSupport
import Testing

@Suite("STUN Binding requests")
struct STUNBindingRequestTests {
    private static let id: [UInt8] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]

    private static func request(_ attributes: [UInt8] = [], type: [UInt8] = [0, 1]) -> [UInt8] {
        type + [UInt8(attributes.count >> 8), UInt8(attributes.count & 0xff), 0x21, 0x12, 0xa4, 0x42] + id + attributes
    }

    private func source(_ text: String) throws -> SocketAddress { try #require(SocketAddress(text)) }

    @Test("The answer to a plain request is the mapped address of RFC 5769 §2.2")
    func mappedAddress() throws {
        let request = try #require(STUNBindingRequest(Self.request()))
        #expect(request.message.unknownAttributes.isEmpty && !request.message.hasFingerprint)
        // 192.0.2.1:32853, as in the sample response.
        let answer = request.response(to: try source("192.0.2.1:32853"))
        #expect(
            answer == [1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42] + Self.id + [
                0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
            ])
        // [2001:db8:1234:5678:11:2233:4455:6677]:32853, as in §2.3.
        let answer6 = request.response(to: try source("[2001:db8:1234:5678:11:2233:4455:6677]:32853"))
        #expect(
            answer6 == [1, 1, 0, 24, 0x21, 0x12, 0xa4, 0x42] + Self.id + [
                0, 0x20, 0, 20, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4,
                0xb5,
                0xbe, 0xd2, 0xb9, 0xd9,
            ])
    }

    @Test("A request with a right FINGERPRINT is answered with one, one with a wrong is none")
    func fingerprint() throws {
        // The request of RFC 5769 §2.1: SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY, FINGERPRINT.
        let sample: [UInt8] = [
            0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87,
            0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c,
            0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f,
            0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76,
            0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e,
            0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
        ]
        let request = try #require(STUNBindingRequest(sample))
        #expect(request.message.hasFingerprint && request.message.unknownAttributes == [0x0024])
        // PRIORITY is ICE's, and nobody who keeps a NAT open sends it: 420 (§7.3.1).
        let answer = request.response(to: try source("192.0.2.1:32853"))
        #expect(answer[0...1] == [1, 0x11] && answer[20...27] == [0, 9, 0, 21, 0, 0, 4, 20])
        #expect(
            answer.suffix(16).prefix(8) == [0, 0x0a, 0, 2, 0, 0x24, 0, 0]
                && answer.suffix(8).prefix(4) == [0x80, 0x28, 0, 4])
        #expect(Int(answer[2]) << 8 + Int(answer[3]) == answer.count - 20)
        var wrong = sample
        wrong[wrong.count - 1] ^= 1
        #expect(STUNBindingRequest(wrong) == nil)
        #expect(STUNBindingRequest(sample + [0x80, 0x22, 0, 0]) == nil)
    }

    @Test(
        "security 10: what is no request, or says a wrong length, is nothing",
        arguments: [
            request(type: [1, 1]), request(type: [1, 0x11]), request(type: [0, 0x11]), request(type: [0, 3]),
            Array(request().dropLast()), request() + [0], request([0]), request([0, 6, 0, 1]),
            request([0, 6, 0xff, 0xff]),
            request([0, 6, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8]), [], [0], [0, 1, 0, 0],
            [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x43] + id,
            request([UInt8](repeating: 0, count: 4 * 40)),
        ])
    func refused(bytes: [UInt8]) { #expect(STUNBindingRequest(bytes) == nil) }

    @Test("security 10: the seeds of other projects' fuzzers do no harm", .enabled(if: Corpus.isPresent))
    func corpus() throws {
        let source = try source("192.0.2.1:1")
        for folder in ["coturn-stun-seeds", "ietf-stun"] {
            for file in Corpus.files(in: folder, suffix: "") {
                guard let bytes = try? Corpus.bytes(file), let request = STUNBindingRequest(bytes) else { continue }
                let answer = request.response(to: source)
                #expect(answer.count >= 32 && STUNBindingRequest(answer) == nil)
            }
        }
    }
}
