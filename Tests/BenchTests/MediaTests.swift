import NetworkTypes
import Testing

@testable import sallyport_bench

@Suite("Sequence window")
struct SequenceWindowTests {
    @Test("tells new, late and duplicate packets apart")
    func verdicts() {
        var window = SequenceWindow()
        let verdicts = ([0, 1, 3, 2, 3, 200, 4, 199, 0] as [UInt64]).map { window.insert($0) }
        #expect(verdicts == [.new, .new, .new, .late, .duplicate, .new, .duplicate, .late, .duplicate])
        #expect(window.expected == 201)
    }
}

@Suite("Tones")
struct ToneTests {
    private func hears(_ listened: Double, in samples: [UInt8]) -> Bool {
        var detector = ToneDetector(frequency: listened)
        samples.withUnsafeBytes { detector.listen(to: $0) }
        return detector.hears
    }

    @Test("are heard, and not mistaken for each other", arguments: [440.0, 1004.0])
    func tones(frequency: Double) {
        let samples = Tone(frequency: frequency).samples
        #expect(hears(frequency, in: samples))
        #expect(!hears(frequency == 440 ? 1004 : 440, in: samples))
    }

    @Test("are not heard in silence, noise, or nothing")
    func noTone() {
        var generator = SystemRandomNumberGenerator()
        #expect(!hears(440, in: [UInt8](repeating: 0xff, count: 8000)))
        #expect(!hears(440, in: (0..<8000).map { _ in UInt8.random(in: 0...255, using: &generator) }))
        #expect(!hears(440, in: []))
    }

    @Test(
        "survive µ-law: decoding is within its step of what was encoded",
        arguments: [0, 1, -1, 100, -5000, 8000, 32000])
    func muLaw(sample: Int16) {
        let decoded = MuLaw.decode(MuLaw.encode(sample))
        #expect(abs(Int(decoded) - Int(sample)) <= 4 + abs(Int(sample)) / 16)
    }

    @Test("use the codes of G.711", arguments: [(0, 0xff), (32635, 0x80), (-32635, 0x00)] as [(Int16, UInt8)])
    func codes(sample: Int16, code: UInt8) { #expect(MuLaw.encode(sample) == code) }
}

@Suite("Payload stamps")
struct StampedPayloadTests {
    @Test("are read as they were written")
    func roundTrip() throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 160, alignment: 8)
        defer { buffer.deallocate() }
        StampedPayload(call: 77, end: .answerer, sequence: 1 << 40, sent: 123).write(to: buffer)
        let read = try #require(StampedPayload(UnsafeRawBufferPointer(buffer)))
        #expect((read.call, read.end, read.sequence, read.sent) == (77, .answerer, 1 << 40, 123))
        #expect(StampedPayload(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<31])) == nil)
        buffer[0] ^= 1
        #expect(StampedPayload(UnsafeRawBufferPointer(buffer)) == nil)
    }
}

@Suite("Media ports")
struct MediaPortsTests {
    @Test("are even, in turn, and start over at the end")
    func turn() {
        var ports = MediaPorts(20001...20006)
        #expect((0..<4).map { _ in ports.take() } == [20002, 20004, 20006, 20002])
        var last = MediaPorts(65533...65535)
        #expect((0..<2).map { _ in last.take() } == [65534, 65534])
    }
}

@Suite("Call mix")
struct CallMixTests {
    @Test("of all kinds has every plan in each twenty calls")
    func all() {
        let plans = Set((0..<20).map { CallMix.all.plan(for: $0) })
        #expect(plans == Set(CallPlan.allCases))
    }
}

@Suite("Sender reports")
struct SenderReportTests {
    @Test("are compound packets whose lengths add up (RFC 3550 §6.4.1, §6.5)")
    func layout() {
        let report = SenderReport(ssrc: 0x0102_0304, sent: 1_500_000_000, packets: 7, octets: 1120)
        let bytes = report.bytes
        #expect(bytes.count == 44)
        #expect(Array(bytes[..<8]) == [0x80, 200, 0, 6, 1, 2, 3, 4])
        // 1.5 s after 1970: 2,208,988,801 s and half of 2^32 after 1900.
        #expect(Array(bytes[8..<16]) == [0x83, 0xaa, 0x7e, 0x81, 0x80, 0, 0, 0])
        #expect(Array(bytes[28..<36]) == [0x81, 202, 0, 3, 1, 2, 3, 4])
        #expect(bytes.withUnsafeBytes { SenderReport.ssrc(of: $0) } == 0x0102_0304)
    }
}

@Suite("Encrypted audio")
struct SecureAudioTests {
    private func text(_ security: SecureAudio? = nil) -> [UInt8] {
        SessionDescription.text(
            audioAt: SocketAddress(IPAddress(v4: 0x7f00_0003), 4000), packetTime: 20, security: security)
    }

    @Test("is agreed on by SDP, goes one way with each end's key, and what was spoiled does not arrive")
    func agreed() throws {
        #expect(SecureAudio(answering: text()) == nil)
        let offer = """
            v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r
            a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n
            """
        let answerer = try #require(SecureAudio(answering: offer.utf8))
        #expect(answerer.line.hasPrefix("a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:"))
        // The other end of the test takes the answer for an offer, so that each can read one direction.
        let other = try #require(SecureAudio(answering: text(answerer)))
        let slot = UnsafeMutableRawBufferPointer.allocate(byteCount: 400, alignment: 8)
        defer { slot.deallocate() }
        for (damage, number) in [(nil, 1), (.tag, 2), (.header, 3), (nil, 4)] as [(SecureAudio.Damage?, UInt16)] {
            slot.initializeMemory(as: UInt8.self, repeating: 0xff)
            RTPHeader(marker: false, payloadType: 0, sequenceNumber: number, timestamp: 0, ssrc: 9).write(to: slot)
            let length = answerer.protect(slot, length: 172, damage: damage)
            #expect(length == 182 && slot[100] != 0xff)
            let plain = other.unprotect(UnsafeMutableRawBufferPointer(rebasing: slot[..<length]))
            #expect(plain == (damage == nil ? 172 : nil))
            if damage == nil { #expect(slot[100] == 0xff) }
        }
    }
}
