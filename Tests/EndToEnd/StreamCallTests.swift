import Admin
import Foundation
import NetworkTypes
import TestSupport
import Testing

@Suite("The executable: calls over TCP")
struct StreamCallTests {
    /// What either side speaks, and by which addresses.
    struct Mix: Sendable, CustomStringConvertible {
        let pbx: TransportProtocol
        let itsp: TransportProtocol
        var arrangement = Stage.Arrangement.twoAddresses

        var description: String { "\(pbx) inside, \(itsp) outside, \(arrangement)" }

        static let all = [
            Mix(pbx: .tcp, itsp: .udp), Mix(pbx: .udp, itsp: .tcp), Mix(pbx: .tcp, itsp: .tcp),
            Mix(pbx: .tcp, itsp: .tcp, arrangement: .oneAddress),
            Mix(pbx: .tcp, itsp: .udp, arrangement: .insideIPv6), Mix(pbx: .udp, itsp: .tcp, arrangement: .insideIPv6),
            Mix(pbx: .tcp, itsp: .tcp, arrangement: .outsideIPv6),
        ]
    }

    private func stage(_ mix: Mix, extra: String = "") throws -> Stage {
        try Stage(mix.arrangement, pbxOver: mix.pbx, itspOver: mix.itsp, extra: extra)
    }

    @Test("Registrations and calls cross between any two transports, with audio, both ways", arguments: Mix.all)
    func calls(mix: Mix) throws {
        let stage = try stage(mix)
        try stage.start()
        let contact = try stage.register()
        #expect(contact.contains(";transport=tcp") == (mix.itsp == .tcp))
        let inbound = try stage.inboundCall(contact)
        #expect(inbound.invite.requestURI == "sip:s@\(stage.pbx.address)\(stage.pbx.parameter);line=abc")
        #expect(inbound.invite["Via"].hasPrefix("SIP/2.0/\(mix.pbx.viaName) \(stage.inside)"))
        let outbound = try stage.outboundCall()
        #expect(outbound.invite["Via"].hasPrefix("SIP/2.0/\(mix.itsp.viaName) \(stage.outside)"))
        #expect(outbound.invite.uri("Contact").contains(";transport=tcp") == (mix.itsp == .tcp))
        #expect(outbound.invite.values("Record-Route").first?.contains(";transport=tcp") == (mix.itsp == .tcp))
        for call in [inbound, outbound] {
            try call.talk()
            try call.reinvite(by: .itsp)
            try call.reinvite(by: .pbx)
            try call.talk()
        }
        try inbound.hangUp(by: .itsp)
        try outbound.hangUp(by: .pbx)
        try stage.expectIdle()
        let status = try stage.status()
        #expect(status.connections.failed.isEmpty, "\(status.connections)")
        // One for what the PBX sends and one for what it gets; on each side that speaks TCP.
        #expect(status.connections.now == [mix.pbx, mix.itsp].count { $0 == .tcp } * 2, "\(status.connections)")
    }

    @Test("An ITSP calls back on the connection of a registration, and one connection carries everything")
    func reuse() throws {
        let stage = try stage(Mix(pbx: .udp, itsp: .tcp))
        try stage.start()
        stage.itsp.streams?.callsBack = true
        let contact = try stage.register()
        for party in LiveCall.Party.allCases {
            let calls = [try stage.inboundCall(contact), try stage.outboundCall()]
            for call in calls {
                try call.talk()
                try call.hangUp(by: party)
            }
        }
        try stage.expectIdle()
        #expect(stage.itsp.streams?.opened.isEmpty == true && stage.itsp.streams?.accepted.count == 1)
        let connections = try stage.status().connections
        #expect(connections.opened == 1 && connections.accepted == 0)
    }

    @Test("Messages that come octet by octet are whole in the end")
    func octetByOctet() throws {
        let stage = try stage(Mix(pbx: .tcp, itsp: .tcp))
        try stage.start()
        stage.pbx.streams?.pieceSize = 1
        stage.itsp.streams?.pieceSize = 1
        let contact = try stage.register()
        let call = try stage.inboundCall(contact)
        try call.talk()
        try call.hangUp(by: .pbx)
        try stage.expectIdle()
    }

    @Test("A call outlives its connections, whether they end or are reset", arguments: [false, true])
    func lostConnections(reset: Bool) throws {
        let stage = try stage(Mix(pbx: .tcp, itsp: .tcp))
        try stage.start()
        let contact = try stage.register()
        let calls = [try stage.inboundCall(contact), try stage.outboundCall()]
        stage.pbx.streams?.disconnect(reset: reset)
        stage.itsp.streams?.disconnect(reset: reset)
        try stage.expectConnections(0)
        for call in calls {
            try call.talk()
            try call.reinvite(by: .itsp)
            try call.talk()
            try call.hangUp(by: .pbx)
        }
        try stage.expectIdle()
    }

    @Test("A next hop that refuses the connection is 503 at once; one that doesn't answer, in four seconds")
    func unreachable() throws {
        let stage = try Stage()
        try stage.start()
        let refusing = SocketAddress(stage.host(9), 5_060)
        let silent = try SilentListener(at: SocketAddress(stage.host(10), 5_060))
        for (target, patience) in [(refusing, 3.5), (silent.address, 20)] {
            let begin = Date()
            stage.pbx.send(
                """
                INVITE sip:1@\(target);transport=tcp SIP/2.0
                Via: \(stage.pbx.via())
                Max-Forwards: 70
                Route: <sip:\(stage.inside);lr>
                From: <sip:a@\(target)>;tag=a
                To: <sip:1@\(target)>
                Call-ID: \(UUID())
                CSeq: 1 INVITE
                Contact: <sip:a@\(stage.pbx.address)>
                """, to: stage.inside)
            let answer = try stage.pbx.expect("503 INVITE")
            #expect(answer["Retry-After"] != "")
            #expect(Date().timeIntervalSince(begin) < patience)
        }
        #expect(try stage.status().connections.failed["unreachable"] == 2)
        try stage.expectIdle()
    }

    @Test("Shards share one connection to an ITSP, and calls work whichever shard they belong to")
    func shards() throws {
        let stage = try stage(Mix(pbx: .tcp, itsp: .tcp))
        let daemon = try DaemonThread(stage, shards: 3)
        try stage.waitUntilReady()
        stage.itsp.streams?.callsBack = true
        let contact = try stage.register(callID: "register-\(UUID())")
        usleep(200_000)
        var live: [LiveCall] = []
        for _ in 0..<8 {
            live.append(try stage.inboundCall(contact))
            live.append(try stage.outboundCall())
        }
        for call in live { try call.talk(packets: 2) }
        for (number, call) in live.enumerated() {
            try call.reinvite(by: number.isMultiple(of: 3) ? .pbx : .itsp)
            try call.hangUp(by: number.isMultiple(of: 2) ? .pbx : .itsp)
        }
        try stage.expectIdle()
        let connections = try stage.status().connections
        // To the ITSP and to the PBX, and one that the PBX opened.
        #expect(connections.opened == 2 && connections.accepted == 1, "\(connections)")
        #expect(try daemon.stop() == 0)
    }
}

/// A listener whose queue is full: further connections to it are never answered.
private final class SilentListener {
    let address: SocketAddress
    private let listener: TestStreamListener
    private let waiting: [TestStream]

    init(at address: SocketAddress) throws {
        let listener = try TestStreamListener(at: address, backlog: 0)
        self.listener = listener
        self.address = listener.address
        waiting = [try TestStream(to: listener.address)]
    }
}

extension Stage {
    /// Waits until so many connections are there.
    func expectConnections(_ count: Int, _ place: SourceLocation = #_sourceLocation) throws {
        if try eventually({ try status().connections.now == count }) { return }
        Issue.record("not \(count), but \(try status().connections)", sourceLocation: place)
    }
}
