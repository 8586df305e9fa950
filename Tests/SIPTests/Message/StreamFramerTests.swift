import Glibc
import NetworkTypes
import SIP
import TestSupport
import Testing

@Suite("Stream framer")
struct StreamFramerTests {
    private static let framings = Framing.all(.init(source: "192.0.2.9:5060", target: "192.0.2.1:5060"))

    /// What came of a stream.
    fileprivate struct Outcome: Equatable {
        var callIDs: [String] = []
        var pings = 0
        var failure: StreamFramer.Failure?
        var isIdle = false
    }

    /// Feeds the parts one by one; each message must be what the parser takes for one, to the last octet.
    private func outcome(of parts: [ArraySlice<UInt8>]) -> Outcome {
        var outcome = Outcome()
        var framer = StreamFramer()
        do throws(StreamFramer.Failure) {
            for part in parts {
                framer.append(Array(part))
                while let unit = try framer.next() {
                    switch unit {
                    case .ping: outcome.pings += 1
                    case .message(let bytes): outcome.callIDs.append(callID(of: bytes))
                    }
                }
            }
        } catch { outcome.failure = error }
        outcome.isIdle = framer.isIdle
        return outcome
    }

    private func callID(of bytes: [UInt8]) -> String {
        guard let message = try? MessageParser.parse(datagram: bytes) else { return "unreadable" }
        if message.defect == nil, message.body.upperBound != bytes.count { return "framed otherwise" }
        return bytes.text(message.callID)
    }

    @Test(
        "security 20: each framing, split at every octet, gives the right messages or a closed stream",
        arguments: framings)
    func framing(_ framing: Framing) {
        let bytes = framing.bytes
        let whole = outcome(of: [bytes[...]])
        #expect(whole.callIDs == framing.messages)
        #expect((whole.failure != nil) == framing.isClosed, "\(whole)")
        #expect(whole.pings == framing.pings)
        #expect(whole.isIdle == !framing.isClosed)
        if framing.isClosed { #expect(whole.answer == framing.status) }
        for split in bytes.indices {
            #expect(outcome(of: [bytes[..<split], bytes[split...]]) == whole, "split at \(split)")
        }
        #expect(outcome(of: bytes.indices.map { bytes[$0...$0] }) == whole, "octet by octet")
    }

    @Test("security 20: there are thirty framings and more, right ones among them")
    func count() {
        #expect(Self.framings.count { $0.isClosed } >= 30)
        #expect(Self.framings.count { !$0.isClosed } >= 10)
    }

    @Test("A message as long as the parser takes is taken, and a longer one is answered 513")
    func limits() throws {
        func message(_ length: Int) -> [UInt8] {
            var text = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKa\r\nCall-ID: a\r\nContent-Length: "
            let rest = length - text.utf8.count - 4
            let body = rest - "\(rest)".utf8.count
            text += "\(body)\r\n\r\n"
            return Array(text.utf8) + [UInt8](repeating: 0x61, count: body)
        }
        #expect(message(65_535).count == 65_535)
        #expect(outcome(of: [message(65_535)[...]]).callIDs == ["a"])
        let failure = outcome(of: [message(65_536)[...]]).failure
        #expect(failure?.status == 513 && failure?.reason == "Message Too Large")
    }

    @Test("A head without end is given up when it is longer than any message")
    func endlessHead() {
        let start = Array("OPTIONS sip:a SIP/2.0\r\nSubject: ".utf8)
        for line in [[UInt8](repeating: 0x61, count: 70_000), Array(String(repeating: "a: b\r\n", count: 12_000).utf8)]
        {
            let whole = outcome(of: [(start + line)[...]])
            #expect(whole.failure?.reason == "Header Fields Too Long")
            var framer = StreamFramer()
            framer.append(start)
            #expect(throws: StreamFramer.Failure.self) {
                for place in stride(from: 0, to: line.count, by: 1_000) {
                    framer.append(Array(line[place..<min(place + 1_000, line.count)]))
                    _ = try framer.next()
                }
            }
        }
    }

    @Test("After a failure nothing is read any more")
    func failed() {
        var framer = StreamFramer()
        framer.append([0x16, 3, 1])
        #expect(throws: StreamFramer.Failure.self) { try framer.next() }
        framer.append(Array("OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n".utf8))
        #expect(throws: StreamFramer.Failure.self) { try framer.next() }
    }

    @Test("A message that comes octet by octet costs in proportion to its length")
    func isLinear() {
        // The time of this thread alone, as other processes run here too.
        func now() -> Duration {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        }
        func time(_ size: Int) -> Duration {
            let head = "OPTIONS sip:a SIP/2.0\r\n" + String(repeating: "Subject: abc\r\n", count: size / 28)
            let bytes =
                Array("\(head)Content-Length: \(size / 2)\r\n\r\n".utf8) + [UInt8](repeating: 97, count: size / 2)
            return (0..<5).map { _ in
                let start = now()
                var framer = StreamFramer()
                var messages = 0
                for octet in bytes {
                    framer.append([octet])
                    while (try? framer.next()) != nil { messages += 1 }
                }
                #expect(messages == 1)
                return now() - start
            }.min() ?? .zero
        }
        // Sixteen times the octets: 16 times as long, and 256 times if each looked at all before it.
        let (short, long) = (time(4_000), time(64_000))
        #expect(long < short * 80, "\(short) and \(long)")
    }

    @Test("Random cuts of many messages change nothing")
    func randomCuts() {
        var generator = SplitMix(seed: 20)
        var bytes: [UInt8] = []
        for framing in Self.framings where !framing.isClosed { bytes += framing.bytes }
        let whole = outcome(of: [bytes[...]])
        #expect(whole.callIDs == Self.framings.filter { !$0.isClosed }.flatMap(\.messages))
        for _ in 0..<300 {
            var cuts = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                Int.random(in: 0...bytes.count, using: &generator)
            }
            cuts = [0] + cuts.sorted() + [bytes.count]
            #expect(outcome(of: zip(cuts, cuts.dropFirst()).map { bytes[$0..<$1] }) == whole)
        }
    }

    @Test("Mutated streams never trap, and what is framed is what the parser sees")
    func mutations() {
        var generator = SplitMix(seed: 7)
        let seeds = Self.framings.map(\.bytes)
        for _ in 0..<20_000 {
            guard var bytes = seeds.randomElement(using: &generator) else { return }
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[place] = [0, 9, 10, 13, 32, 58, 53, 0xff].randomElement(using: &generator) ?? 0
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &generator)], at: place)
                }
                if bytes.isEmpty { bytes = [13] }
            }
            let outcome = outcome(of: [bytes[...]])
            #expect(!outcome.callIDs.contains("framed otherwise"))
        }
    }
}

extension StreamFramerTests.Outcome {
    /// The status that the request which ended the stream can be answered with.
    var answer: Int? {
        guard let failure, let message = try? MessageParser.parse(datagram: failure.head), message.isRequest,
            !message.callID.isEmpty
        else { return nil }
        return failure.status
    }
}

/// A small generator of random numbers that repeats for a seed.
private struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
