import Admin
import Foundation
import NetworkTypes
import TLS
import TestSupport
import Testing

@Suite("The executable: connections as an attack")
struct ConnectionAttackTests {
    /// The suite makes a few hundred to a thousand; `SALLYPORT_CONNECTIONS=50000` makes that many.
    static func connections(_ usual: Int) -> Int {
        ProcessInfo.processInfo.environment["SALLYPORT_CONNECTIONS"].flatMap { Int($0) } ?? usual
    }

    private static let trunk = "trunks: [{name: itsp, domain: \"ITSP\", networks: [\"ITSP\"]}]\npbx: \"PBX\"\n"

    private func request(_ method: String, _ callID: String, _ stage: Stage, _ uri: String) -> [UInt8] {
        Array(
            """
            \(method) \(uri) SIP/2.0\r
            Via: SIP/2.0/\(stage.pbx.transport.viaName) \(stage.pbx.address);branch=z9hG4bK\(callID)\r
            Max-Forwards: 70\r
            Route: <sip:\(stage.inside)\(stage.pbx.parameter);lr>\r
            From: <sip:a@\(stage.pbx.address)>;tag=\(callID)\r
            To: <\(uri)>\r
            Call-ID: \(callID)\r
            CSeq: 1 \(method)\r
            Contact: <sip:a@\(stage.pbx.address)\(stage.pbx.parameter)>\r
            Content-Length: 0\r
            \r

            """.utf8)
    }

    // MARK: Slots

    /// What a stranger does with its connection.
    private enum Habit: CaseIterable { case silent, halfOpen, slow, garbage }

    private func intrude(
        _ habit: Habit, _ number: Int, _ stage: Stage, _ context: TLSContext
    ) throws -> TestStream {
        let source = stage.host(50 + UInt32(number % 200))
        let stream = try TestStream(to: stage.outside, from: SocketAddress(source, 0))
        switch habit {
        case .silent: break
        case .halfOpen:
            let engine = try TLSEngine(client: context, to: ["\(stage.outside.ip)"])
            try engine.start()
            let hello = engine.takeOutput()
            stream.sendPlain(hello.prefix(hello.count / 2))
        case .slow:
            stream.secure(try TLSEngine(client: context, to: ["\(stage.outside.ip)"]), within: 1_000)
            if stream.tls?.state == .open { stream.send("OPTIONS sip:".utf8) }
        case .garbage: stream.sendPlain("INVITE sip:a SIP/2.0\r\n".utf8)
        }
        return stream
    }

    /// Within what time a known peer has its answer: a second, where all the suite's other tests aren't running beside.
    private static let patience: TimeInterval = connections(0) > 0 ? 1 : 4

    /// How long it takes until a known peer has its answer on a new connection.
    private func answerTime(_ callID: String, _ stage: Stage, from peer: UserAgent, at door: SocketAddress) throws
        -> TimeInterval
    {
        let begin = Date()
        let stream = try TestStream(to: door, from: SocketAddress(peer.address.ip, 0))
        stream.secure(try TLSEngine(client: #require(stage.certificates).client(), to: ["\(door.ip)"]))
        stream.send(request("OPTIONS", callID, stage, "sip:\(door);transport=tls"))
        let answer = WireMessage(try #require(stream.message(), "\(callID) gets no answer"))
        #expect(answer?.kind == "200 OPTIONS")
        return Date().timeIntervalSince(begin)
    }

    @Test(
        "security 33: strangers who are silent, half open or slow fill their share and no more: who is known gets in")
    func slots() throws {
        let stage = try Stage(
            pbxOver: .tls, itspOver: .tls,
            extra: Self.trunk + "limits: {connections: 160, connections_per_source: 20}")
        try stage.start()
        let before = try stage.status()
        let context = try #require(stage.certificates).client()
        var held: [TestStream] = []
        for number in 0..<Self.connections(400) {
            // Handshakes are dear for both; most intruders don't go so far.
            let habit = number.isMultiple(of: 8) ? Habit.slow : Habit.allCases[number % 4 == 2 ? 0 : number % 4]
            held.append(try intrude(habit, number, stage, context))
            if held.count > 1_000 { held.removeFirst(500) }
            guard number % 100 == 99 else { continue }
            #expect(try answerTime("in\(number)", stage, from: stage.pbx, at: stage.inside) < Self.patience)
            #expect(try answerTime("out\(number)", stage, from: stage.itsp, at: stage.outside) < Self.patience)
        }
        let call = try stage.outboundCall()
        try call.talk()
        // They go on, an octet at a time, and nobody waits for them.
        for stream in held where stream.tls?.state == .open { stream.send("a".utf8) }
        #expect(try answerTime("last", stage, from: stage.pbx, at: stage.inside) < Self.patience)
        try call.talk()
        try call.hangUp(by: .itsp)
        let after = try stage.status()
        #expect(after.connections.now <= 150, "\(after.connections)")
        #expect(after.connections.failed["too many"] ?? 0 > 50, "\(after.connections)")
        #expect(after.memoryBytes < before.memoryBytes + 64 << 20)
        held = []
        // Those of the PBX and the ITSP stay, one for each that has opened one.
        try expectConnections(atMost: 4, stage)
        try stage.expectIdle()
    }

    private func expectConnections(atMost count: Int, _ stage: Stage) throws {
        if try eventually({ try stage.status().connections.now <= count }) { return }
        Issue.record("more than \(count): \(try stage.status().connections)")
    }

    // MARK: Ends

    @Test(
        "security 34: connections that end at any point of handshake, request or response leave nothing behind",
        arguments: [TransportProtocol.tcp, .tls])
    func ends(transport: TransportProtocol) throws {
        let stage = try Stage(pbxOver: transport)
        let process = try stage.start()
        let context = try stage.certificates?.client()
        var generator = SystemRandomNumberGenerator()
        try expectCall(stage)
        let before = try stage.status()
        var held: [TestStream] = []
        var unanswered: [WireMessage] = []
        for number in 0..<Self.connections(200) {
            try respond(stage, &unanswered, &generator)
            // Whoever goes, goes at any time.
            while held.count > Int.random(in: 0..<32, using: &generator) {
                held.remove(at: .random(in: held.indices, using: &generator))
            }
            let stream = try TestStream(to: stage.inside, from: SocketAddress(stage.pbx.address.ip, 0))
            if Bool.random(using: &generator) { stream.resetOnClose() }
            guard try begin(stream, stage, context, &generator) else { continue }
            let callID = "e\(number)"
            stage.pbx.forgotten.insert(callID)
            let invite = request("INVITE", callID, stage, "sip:1800@\(stage.itsp.address)")
            guard Int.random(in: 0..<4, using: &generator) > 0 else {
                stream.send(invite.prefix(.random(in: 0..<invite.count, using: &generator)))
                continue
            }
            stream.send(invite)
            held.append(stream)
            if Int.random(in: 0..<4, using: &generator) == 0 { stream.shutdownSending() }
        }
        held = []
        try settle(stage, unanswered)
        try expectConnections(atMost: 1, stage)
        #expect(process.exitStatus(within: 0) == nil)
        let after = try stage.status()
        #expect(after.openDescriptors <= before.openDescriptors + 4, "\(before.openDescriptors)")
        // Transactions hold some for their 32 seconds, as many as there were in that time. A sanitizer's malloc gives
        // nothing back.
        let isGivenBack = try eventually(within: 60) {
            try !Heap.isFollowed || stage.status().memoryBytes < before.memoryBytes + 64 << 20
        }
        #expect(isGivenBack, "\(before.memoryBytes), then \(after.memoryBytes)")
        try expectCall(stage)
        try stage.expectIdle()
    }

    private func expectCall(_ stage: Stage) throws {
        let call = try stage.outboundCall()
        try call.talk(packets: 2)
        try call.hangUp(by: .pbx)
    }

    /// Over TLS the handshake, or the beginning of it; whether more is to come.
    private func begin(
        _ stream: TestStream, _ stage: Stage, _ context: TLSContext?, _ generator: inout SystemRandomNumberGenerator
    ) throws -> Bool {
        guard let context else { return true }
        let engine = try TLSEngine(client: context, to: ["\(stage.inside.ip)"])
        if Int.random(in: 0..<3, using: &generator) > 0 {
            stream.secure(engine)
            return true
        }
        try engine.start()
        let hello = engine.takeOutput()
        stream.sendPlain(hello.prefix(.random(in: 0...hello.count, using: &generator)))
        // Some wait for the answer, and go before it is their turn.
        if Bool.random(using: &generator) { stream.read(within: 5) }
        return false
    }

    /// The ITSP lets some calls ring and some not, and is busy for all sooner or later.
    private func respond(
        _ stage: Stage, _ unanswered: inout [WireMessage], _ generator: inout SystemRandomNumberGenerator
    ) throws {
        while let message = stage.itsp.next(within: 0) {
            if message.kind == "CANCEL" { try stage.itsp.answer("200 OK", to: message, tag: "t") }
            guard message.kind == "INVITE" else { continue }
            if Bool.random(using: &generator) { try stage.itsp.answer("180 Ringing", to: message, tag: "t") }
            unanswered.append(message)
        }
        while unanswered.count > Int.random(in: 0..<32, using: &generator) {
            let message = unanswered.remove(at: .random(in: unanswered.indices, using: &generator))
            try stage.itsp.answer("486 Busy", to: message, tag: "t")
        }
    }

    /// What is still to come for either end comes.
    private func settle(_ stage: Stage, _ unanswered: [WireMessage]) throws {
        for message in unanswered { try stage.itsp.answer("486 Busy", to: message, tag: "t") }
        while let message = stage.itsp.next(within: 0.7) {
            switch message.kind {
            case "INVITE": try stage.itsp.answer("486 Busy", to: message, tag: "t")
            case "CANCEL": try stage.itsp.answer("200 OK", to: message, tag: "t")
            default: break
            }
        }
        while stage.pbx.next(within: 0.1) != nil {}
        stage.pbx.streams?.disconnect()
    }
}
