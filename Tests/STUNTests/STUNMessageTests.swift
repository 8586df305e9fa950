import NetworkTypes
import SRTP
import TestSupport
import Testing

@testable import STUN

@Suite("STUN messages")
struct STUNMessageTests {
    static let password = "VOkJxbRl1RmTxUk/WvJxBt"
    /// RFC 5769 §2.1, §2.2 and §2.3.
    static let request = octets(
        "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008"
            + "932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
            + "80280004e57a3bcf")
    static let response = octets(
        "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
            + "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96")
    static let response6 = octets(
        "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a147"
            + "0113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c")

    static func octets(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8).map { $0 < 0x40 ? $0 - 0x30 : $0 - 0x57 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// Whether the signature of `bytes` is one by `password`.
    static func isSigned(_ bytes: [UInt8], _ message: STUNMessage, by password: String) -> Bool {
        guard let integrity = message.integrity, let hash = HMACSHA1(key: Array(password.utf8)) else { return false }
        var text = Array(bytes[integrity.covered])
        text[2] = UInt8(integrity.length >> 8)
        text[3] = UInt8(integrity.length & 0xff)
        return hash.matches(integrity.value, of: bytes.span, text: text.span)
    }

    @Test("RFC 5769 §2.1: the sample request is read, and its password makes its signature")
    func sampleRequest() throws {
        let message = try #require(STUNMessage(Self.request, for: .connectivityCheck))
        #expect(message.kind == .request && message.priority == 0x6e00_01ff && !message.usesCandidate)
        #expect(message.role == .controlled(0x932f_f9b1_5126_3b36) && message.hasFingerprint)
        #expect(message.unknownAttributes.isEmpty)
        #expect(Self.request[try #require(message.username)].elementsEqual("evtj:h6vY".utf8))
        #expect(Self.isSigned(Self.request, message, by: Self.password))
        #expect(!Self.isSigned(Self.request, message, by: "VOkJxbRl1RmTxUk/WvJxBu"))
    }

    @Test("RFC 5769 §2.2, §2.3: the sample responses are read, IPv4 and IPv6")
    func sampleResponses() throws {
        let cases = [
            (Self.response, "192.0.2.1:32853"), (Self.response6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
        ]
        for (bytes, address) in cases {
            let message = try #require(STUNMessage(bytes, for: .connectivityCheck))
            #expect(message.kind == .success && message.mappedAddress?.description == address)
            #expect(Self.isSigned(bytes, message, by: Self.password))
        }
    }

    @Test(
        "What the writer writes is read back, signature and fingerprint included",
        arguments: ["192.0.2.1", "2001:db8::7"])
    func roundTrip(ip: String) throws {
        let hash = try #require(HMACSHA1(key: Array(Self.password.utf8)))
        var octets = [UInt8](repeating: 0xff, count: 200)
        var slot = octets.mutableSpan
        var writer = STUNWriter(.request, STUNTransactionID(high: 1, low: 2), in: &slot)
        writer.addUsername(Array("abcde:fg".utf8), to: &slot)
        writer.addPriority(77, to: &slot)
        writer.addRole(.controlling(5), to: &slot)
        writer.addUseCandidate(to: &slot)
        writer.sign(in: &slot) { hash.tag(of: $0) }
        writer.addFingerprint(to: &slot)
        let finished = writer.finish(in: &slot)
        let length = try #require(finished)
        let bytes = Array(octets.prefix(length))
        let message = try #require(STUNMessage(bytes, for: .connectivityCheck))
        #expect(message.usesCandidate && message.role == .controlling(5) && message.priority == 77)
        #expect(Self.isSigned(bytes, message, by: Self.password))
        let source = SocketAddress(try #require(IPAddress(ip)), 4_000)
        var answer = [UInt8](repeating: 0, count: 120)
        var place = answer.mutableSpan
        let answered = message.writeResponse(to: source, in: &place) { writer, slot in
            writer.sign(in: &slot) { hash.tag(of: $0) }
        }
        let size = try #require(answered)
        let written = Array(answer.prefix(size))
        let read = try #require(STUNMessage(written, for: .connectivityCheck))
        #expect(read.kind == .success && read.transactionID == message.transactionID && read.mappedAddress == source)
        #expect(read.hasFingerprint && Self.isSigned(written, read, by: Self.password))
    }

    @Test("security 10: a slot that is too small gets no message, and nothing is written past its end")
    func smallSlots() throws {
        let message = try #require(STUNMessage(Self.request, for: .keepAlive))
        #expect(message.unknownAttributes == [0x0024])
        for size in 0..<80 {
            var octets = [UInt8](repeating: 0, count: size)
            var slot = octets.mutableSpan
            let length = message.writeResponse(to: SocketAddress(.unspecified(.v6), 1), in: &slot) { writer, slot in
                writer.sign(in: &slot) { _ in [UInt8](repeating: 1, count: 20) }
            }
            #expect(length == nil || length! <= size)
        }
    }

    @Test("Attributes behind MESSAGE-INTEGRITY don't count, and of two of a type the first does")
    func hiddenAttributes() throws {
        var octets = [UInt8](repeating: 0, count: 200)
        var slot = octets.mutableSpan
        var writer = STUNWriter(.request, STUNTransactionID(high: 1, low: 2), in: &slot)
        writer.addPriority(1, to: &slot)
        writer.addPriority(2, to: &slot)
        writer.sign(in: &slot) { _ in [UInt8](repeating: 1, count: 20) }
        writer.addUseCandidate(to: &slot)
        writer.addUsername(Array("a:b".utf8), to: &slot)
        writer.addFingerprint(to: &slot)
        let finished = writer.finish(in: &slot)
        let length = try #require(finished)
        let message = try #require(STUNMessage(Array(octets.prefix(length)), for: .connectivityCheck))
        #expect(message.priority == 1 && !message.usesCandidate && message.username == nil && message.hasFingerprint)
    }
}

@Suite("STUN messages from elsewhere")
struct STUNInputTests {
    /// Reads and answers; what it reads must be within the datagram.
    static func check(_ bytes: [UInt8]) {
        for usage in [STUNUsage.keepAlive, .connectivityCheck] {
            guard let message = STUNMessage(bytes, for: usage) else { continue }
            for range in [message.username, message.integrity?.value, message.integrity?.covered] {
                guard let range else { continue }
                #expect(range.lowerBound >= 0 && range.upperBound <= bytes.count)
            }
            var octets = [UInt8](repeating: 0, count: 256)
            var slot = octets.mutableSpan
            let length = message.writeResponse(to: SocketAddress(.unspecified(.v4), 1), in: &slot) { _, _ in }
            guard let length else {
                Issue.record("no answer fits")
                continue
            }
            #expect(STUNMessage(Array(octets.prefix(length)), for: usage) != nil)
        }
    }

    @Test("security 10: every octet of the RFC's vectors may be anything")
    func mutations() {
        for sample in [STUNMessageTests.request, STUNMessageTests.response, STUNMessageTests.response6] {
            for position in sample.indices {
                var bytes = sample
                for value in UInt8.min...UInt8.max {
                    bytes[position] = value
                    Self.check(bytes)
                }
            }
            for length in sample.indices { Self.check(Array(sample.prefix(length))) }
        }
    }

    @Test("security 10: attributes of all lengths, with and without a header that agrees")
    func lengths() {
        for type in [0x0006, 0x0008, 0x0009, 0x000a, 0x0020, 0x0024, 0x0025, 0x8028, 0x8029, 0x802a, 0x7fff] as [UInt16]
        {
            for count in Array(0...40) + [762, 763, 764, 0xfffc, 0xffff] {
                for space in [0, 4, 8, 20, 40, 800] {
                    let end = UInt16(4 + space)
                    let header: [UInt8] = [0, 1, UInt8(end >> 8), UInt8(end & 0xff), 0x21, 0x12, 0xa4, 0x42]
                    let id = [UInt8](repeating: 7, count: 12)
                    let attribute = [
                        UInt8(type >> 8), UInt8(type & 0xff), UInt8(count >> 8 & 0xff), UInt8(count & 0xff),
                    ]
                    Self.check(header + id + attribute + [UInt8](repeating: 1, count: space))
                }
            }
        }
    }

    @Test("security 10: the seeds and vectors of other projects, and their mutations", .enabled(if: Corpus.isPresent))
    func corpus() throws {
        var read = 0
        for folder in ["coturn-stun-seeds", "ietf-stun"] {
            for file in Corpus.files(in: folder, suffix: "") {
                guard let bytes = try? Corpus.bytes(file), bytes.count < 2_000 else { continue }
                if STUNMessage(bytes, for: .connectivityCheck) != nil { read += 1 }
                for position in bytes.indices {
                    for change in [1, 0x80, 0xff] as [UInt8] {
                        var mutant = bytes
                        mutant[position] ^= change
                        Self.check(mutant)
                    }
                }
                Self.check(bytes)
            }
        }
        #expect(read >= 2)
    }

    @Test("security 10: what was seen on the wire is read, and harmless when changed", .enabled(if: Corpus.isPresent))
    func captures() throws {
        var read = 0
        for packet in Capture.datagrams(try Corpus.bytes("ndpi-pcap/stun.pcap")) where packet.first ?? 9 < 4 {
            if STUNMessage(packet, for: .connectivityCheck) != nil { read += 1 }
            for position in packet.indices {
                var mutant = packet
                mutant[position] ^= 0x55
                Self.check(mutant)
            }
        }
        #expect(read > 20)
    }

    @Test("security 10: random octets behind a good header")
    func random() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...30, using: &generator) * 4
            let header: [UInt8] = [0, 1, 0, UInt8(count), 0x21, 0x12, 0xa4, 0x42]
            let rest = (0..<12 + count).map { index in
                index % 4 == 0 || index % 4 == 2
                    ? UInt8.random(in: 0...2, using: &generator)
                    : UInt8.random(in: 0...0x2a, using: &generator)
            }
            Self.check(header + rest)
        }
    }
}
