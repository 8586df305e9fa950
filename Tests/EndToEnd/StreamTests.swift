import Admin
import Foundation
import NetworkTypes
import TestSupport
import Testing

@Suite("The executable: streams")
struct StreamTests {
    /// An OPTIONS to ourselves, which the proxy answers.
    private func options(_ callID: String, _ stage: Stage, padding: Int = 0) -> [UInt8] {
        let pad = padding > 0 ? "Subject: \(String(repeating: "x", count: padding))\r\n" : ""
        return Array(
            """
            OPTIONS sip:\(stage.inside) SIP/2.0\r
            Via: SIP/2.0/TCP \(stage.pbx.address);branch=z9hG4bK\(callID)\r
            Max-Forwards: 70\r
            From: <sip:a@\(stage.pbx.address)>;tag=\(callID)\r
            To: <sip:\(stage.inside)>\r
            Call-ID: \(callID)\r
            CSeq: 1 OPTIONS\r
            \(pad)Content-Length: 0\r
            \r

            """.utf8)
    }

    private func inside(_ stage: Stage) throws -> TestStream {
        try TestStream(to: stage.inside, from: SocketAddress(stage.pbx.address.ip, 0))
    }

    private func expect(_ status: String, _ callID: String, on stream: TestStream, _ comment: String = "") throws {
        let message = WireMessage(try #require(stream.message(), "\(comment)"))
        #expect(message?.kind == "\(status) OPTIONS" && message?["Call-ID"] == callID, "\(comment)")
    }

    // MARK: Framing

    @Test("security 20: each framing, cut at every octet, gets the right answers or a closed connection")
    func framings() throws {
        let stage = try Stage()
        try stage.start()
        let ends = Framing.Ends(source: "\(stage.pbx.address)", target: "\(stage.inside)")
        for framing in Framing.all(ends) {
            // Many at a time: between the two parts of one, the proxy has had the first parts of all others to read.
            for start in stride(from: 0, to: framing.bytes.count, by: 60) {
                let cuts = start..<min(start + 60, framing.bytes.count)
                let streams = try cuts.map { _ in try inside(stage) }
                for (cut, stream) in zip(cuts, streams) { stream.send(framing.bytes[..<cut]) }
                for (cut, stream) in zip(cuts, streams) { stream.send(framing.bytes[cut...]) }
                for (cut, stream) in zip(cuts, streams) {
                    try expect(framing, on: stream, "\(framing) cut at \(cut)")
                }
            }
        }
        #expect(try stage.status().connections.failed["malformed"] ?? 0 > 10_000)
        try stage.expectIdle()
    }

    private func expect(_ framing: Framing, on stream: TestStream, _ comment: String) throws {
        for callID in framing.messages { try expect("200", callID, on: stream, comment) }
        if let status = framing.status { try expect("\(status)", "b", on: stream, comment) }
        guard framing.isClosed else { return }
        #expect(stream.ends(), "\(comment)")
        #expect(stream.pending.allSatisfy { $0 == 13 || $0 == 10 }, "\(comment)")
    }

    @Test("Keep-alives get their pong, lone line ends and strangers' ones included")
    func keepAlive() throws {
        let stage = try Stage()
        try stage.start()
        let strangers = try TestStream(to: stage.outside, from: SocketAddress(stage.host(77), 0))
        for stream in [try inside(stage), strangers] {
            stream.send([13, 10, 13])
            #expect(stream.all(within: 100).isEmpty)
            stream.send([10])
            #expect(stream.read(within: 2_000) && stream.pending == [13, 10])
            stream.send([13, 10])
            #expect(stream.all(within: 100) == [13, 10])
        }
    }

    @Test("A STUN keep-alive on the UDP port is told where it came from")
    func stun() throws {
        let stage = try Stage()
        try stage.start()
        let peer = try LoopbackPeer(at: SocketAddress(stage.pbx.address.ip, 0))
        let id = [UInt8](1...12)
        peer.send([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + id, to: stage.inside)
        let answer = try #require(peer.receive())
        #expect(answer.source == stage.inside)
        #expect(answer.packet.starts(with: [1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42] + id))
        let port = UInt16(answer.packet[26]) << 8 | UInt16(answer.packet[27])
        #expect(port ^ 0x2112 == peer.address.port)
    }

    // MARK: Ends

    @Test("Who has ended its side of a connection still gets its answers")
    func halfClosed() throws {
        let stage = try Stage()
        try stage.start()
        let stream = try inside(stage)
        stream.send(options("a", stage) + options("b", stage))
        stream.shutdownSending()
        try expect("200", "a", on: stream)
        try expect("200", "b", on: stream)
        #expect(stream.ends())
        // One whose answer takes its time.
        let asking = try inside(stage)
        asking.send(optionsToITSP("c", stage))
        asking.shutdownSending()
        let request = try stage.itsp.expect("OPTIONS")
        usleep(300_000)
        try stage.itsp.answer("200 OK", to: request)
        try expect("200", "c", on: asking)
        #expect(asking.ends())
        try stage.expectConnections(0)
    }

    @Test("A response whose connection has gone is sent to the address in Via")
    func responseByVia() throws {
        let stage = try Stage(pbxOver: .tcp)
        try stage.start()
        for isReset in [true, false] {
            var stream: TestStream? = try inside(stage)
            stream?.send(optionsToITSP("d\(isReset)", stage))
            let request = try stage.itsp.expect("OPTIONS")
            if isReset { stream?.resetOnClose() }
            stream = nil
            // One that was closed and not reset is found dead only by the answer that is sent on it.
            usleep(100_000)
            try stage.itsp.answer("200 OK", to: request)
            #expect(try stage.pbx.expect("200 OPTIONS")["Call-ID"] == "d\(isReset)")
        }
    }

    private func optionsToITSP(_ callID: String, _ stage: Stage) -> [UInt8] {
        let text = String(decoding: options(callID, stage), as: UTF8.self)
        return Array(
            text.replacingOccurrences(of: "OPTIONS sip:\(stage.inside)", with: "OPTIONS sip:\(stage.itsp.address)").utf8
        )
    }

    // MARK: Limits

    @Test("Strangers are told 403, and have so many connections and no more")
    func strangers() throws {
        let stage = try Stage(extra: "limits: {connections_per_source: 3}")
        try stage.start()
        let own = SocketAddress(stage.host(66), 0)
        let streams = try (0..<3).map { _ in try TestStream(to: stage.outside, from: own) }
        let text = String(decoding: options("s", stage), as: UTF8.self)
        for (number, stream) in streams.enumerated() {
            stream.send(text.replacingOccurrences(of: "OPTIONS", with: "INVITE").utf8)
            let answer = WireMessage(try #require(stream.message()))
            #expect(answer?.kind == "403 INVITE", "stream \(number)")
        }
        let fourth = try TestStream(to: stage.outside, from: own)
        #expect(fourth.ends())
        // Another source has its own share, and a host inside has none.
        let other = try TestStream(to: stage.outside, from: SocketAddress(stage.host(67), 0))
        #expect(!other.ends(within: 100))
        let known = try (0..<10).map { _ in try inside(stage) }
        for stream in known {
            stream.send(options("k", stage))
            try expect("200", "k", on: stream)
        }
        let connections = try stage.status().connections
        #expect(connections.failed == ["too many from source": 1] && connections.now == 14, "\(connections)")
    }

    @Test("There is an end to the connections of all, and strangers don't take the last")
    func total() throws {
        let stage = try Stage(extra: "limits: {connections: 16}")
        try stage.start()
        var streams: [TestStream] = []
        for number: UInt32 in 0..<15 {
            streams.append(try TestStream(to: stage.outside, from: SocketAddress(stage.host(60 + number), 0)))
        }
        #expect(streams.removeLast().ends())
        for _ in 0..<2 {
            let stream = try inside(stage)
            stream.send(options("a", stage))
            try expect("200", "a", on: stream)
            streams.append(stream)
        }
        #expect(try inside(stage).ends())
        // Room that was given back is there again.
        streams.removeFirst(4)
        try stage.expectConnections(12)
        let stream = try inside(stage)
        stream.send(options("b", stage))
        try expect("200", "b", on: stream)
        #expect(try stage.status().connections.failed["too many"] == 2)
    }

    @Test("Hundreds of connections are served, and leave nothing behind")
    func many() throws {
        let stage = try Stage()
        try stage.start()
        let before = try stage.status()
        var streams: [TestStream] = []
        for number in 0..<400 {
            let stream = try inside(stage)
            stream.send(options("m\(number)", stage))
            streams.append(stream)
        }
        for round in 0..<3 {
            for (number, stream) in streams.enumerated() {
                try expect("200", "m\(number)", on: stream)
                if round < 2 { stream.send(options("m\(number)", stage)) }
            }
        }
        #expect(try stage.status().connections.now == 400)
        for (number, stream) in streams.enumerated() where number.isMultiple(of: 2) { stream.resetOnClose() }
        streams = []
        try stage.expectConnections(0)
        #expect(try stage.status().openDescriptors <= before.openDescriptors + 2)
    }

    @Test("A peer that doesn't read is not read from, gets every answer when it does, and holds up nobody else")
    func backPressure() throws {
        let stage = try Stage()
        try stage.start()
        let slow = try TestStream(to: stage.inside, from: SocketAddress(stage.pbx.address.ip, 0), buffers: 8_192)
        let memory = try stage.status().memoryBytes
        var queue: [UInt8] = []
        var asked = 0
        var sent = 0
        // Until nothing has been taken for a while: the proxy must have stopped reading.
        var idle = 0
        while idle < 50, sent < 64 << 20 {
            if queue.count < 65_536 {
                for _ in 0..<200 { queue += options("q\(asked)", stage); asked += 1 }
            }
            let taken = slow.sendSome(queue)
            queue.removeFirst(taken)
            sent += taken
            idle = taken == 0 ? idle + 1 : 0
            if taken == 0 { usleep(10_000) }
        }
        #expect(sent < 64 << 20, "it never stopped reading")
        #expect(try stage.status().memoryBytes < memory + 32 << 20)
        let other = try inside(stage)
        other.send(options("o", stage))
        try expect("200", "o", on: other)
        let call = try stage.outboundCall()
        try call.talk()
        // All that was sent whole is answered, in order.
        var answered = 0
        while let message = slow.message(within: 300) {
            #expect(String(decoding: message, as: UTF8.self).contains("\r\nCall-ID: q\(answered)\r\n"))
            answered += 1
            let taken = slow.sendSome(queue)
            queue.removeFirst(taken)
        }
        #expect(answered == asked)
        try call.hangUp(by: .pbx)
        try stage.expectIdle()
    }

    @Test("A connection that never stops sending leaves others their share")
    func fairness() throws {
        let stage = try Stage()
        try stage.start()
        let loud = try (0..<4).map { _ in try inside(stage) }
        let flood = options("f", stage, padding: 8_000)
        let call = try stage.outboundCall()
        for _ in 0..<60 {
            for stream in loud {
                while stream.sendSome(flood) == flood.count {}
                stream.read(within: 0)
            }
            try call.talk(packets: 1)
        }
        try call.reinvite(by: .itsp)
        try call.hangUp(by: .pbx)
        try stage.expectIdle()
    }

    @Test("Without descriptors connections wait, the processor rests, and later they are served")
    func descriptors() throws {
        let stage = try Stage()
        let process = try stage.start()
        func open() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.pid)/fd").count
        }
        let idle = try open()
        try Self.limit(process.pid, descriptors: idle + 2)
        var streams: [TestStream] = []
        for number in 0..<20 {
            let stream = try inside(stage)
            stream.send(options("n\(number)", stage))
            streams.append(stream)
        }
        #expect(try eventually { try open() > idle })
        usleep(300_000)
        let before = try Self.processorTicks(of: process.pid)
        usleep(1_000_000)
        #expect(try Self.processorTicks(of: process.pid) - before < 30)
        try Self.limit(process.pid, descriptors: 512)
        for (number, stream) in streams.enumerated() { try expect("200", "n\(number)", on: stream) }
        #expect(try stage.status().connections.failed["no descriptors"] ?? 0 > 0)
    }

    private static func limit(_ pid: Int32, descriptors: Int) throws {
        let run = try ProxyProcess.run(
            ["--pid", "\(pid)", "--nofile=\(descriptors):"], executable: "/usr/bin/prlimit")
        try #require(run.status == 0)
    }

    /// The processor time that a process has had, in hundredths of a second.
    private static func processorTicks(of pid: Int32) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = try #require(text.components(separatedBy: ") ").last).components(separatedBy: " ")
        return try #require(Int(fields[11])) + #require(Int(fields[12]))
    }
}
