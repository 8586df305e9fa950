import Admin
import Foundation
import NetworkTypes
import TestSupport
import Testing

/// Remote phones through the executable: a PBX that is a registrar, and two phones with the address of one NAT.
@Suite("The executable: remote phones")
struct RemotePhoneTests {
    struct Way: Sendable, CustomStringConvertible {
        let contact: String
        let transport: TransportProtocol
        var description: String { "\(contact) over \(transport)" }

        static let all = ["path", "parameter"].flatMap { contact in
            [TransportProtocol.udp, .tcp, .tls].map { Way(contact: contact, transport: $0) }
        }
    }

    @Test("Two phones behind one NAT register, call and are called, with audio both ways", arguments: Way.all)
    func calls(way: Way) throws {
        let stage = try Stage(
            itspOver: way.transport == .tls ? .tls : .udp, extra: RemotePhone.configuration(way.contact))
        try stage.start()
        let home = try RemotePhone("home", port: 7001, over: way.transport, on: stage)
        let desk = try RemotePhone("desk", port: 7002, over: way.transport, on: stage)
        let registers = (home: try home.register(), desk: try desk.register())
        #expect(registers.home["Path"].contains(";ob;") == (way.contact == "path"))
        var out = try home.call()
        try out.talk()
        var inward = try desk.called(by: registers.desk)
        try inward.talk()
        try out.talk()
        try out.hangUp(byPhone: true)
        try inward.hangUp(byPhone: false)
        var second = try home.called(by: registers.home)
        try second.talk()
        try second.hangUp(byPhone: true)
        try stage.expectIdle()
        let flows: [FlowSnapshot] = try stage.json("flows")
        #expect(flows.map(\.aor) == ["sip:desk@pbx.example", "sip:home@pbx.example"])
        #expect(flows.allSatisfy { $0.transport == "\(way.transport)" && $0.listener == "\(stage.outside)" })
        #expect(flows.allSatisfy { $0.source.hasPrefix("\(stage.host(5)):") && $0.expiresInSeconds > 500 })
        #expect(try stage.page("flows").contains("sip:home@pbx.example"))
        #expect(try stage.page("registrations").contains("phones"))
    }

    @Test(
        "After a crash a phone over UDP is admitted and reached, without registering again",
        arguments: ["path", "parameter"])
    func restart(contact: String) throws {
        let stage = try Stage(extra: RemotePhone.configuration(contact))
        try stage.start()
        let home = try RemotePhone("home", port: 7001, on: stage)
        let register = try home.register()
        var running = try home.call()
        try stage.waitForPhones()
        try stage.restart()
        try running.hangUp(byPhone: false)
        var call = try home.called(by: register)
        try call.talk()
        try call.hangUp(byPhone: true)
        var out = try home.call()
        try out.talk()
        try out.hangUp(byPhone: false)
        try stage.expectIdle()
    }

    @Test("A phone that has shown ICE in one call is offered it in all others, whichever shard has them")
    func shards() throws {
        let stage = try Stage(extra: RemotePhone.configuration())
        let daemon = try DaemonThread(stage, shards: 3)
        try stage.waitUntilReady()
        let home = try RemotePhone("home", port: 7001, on: stage)
        let register = try home.register()
        // The other shards learn of it through their mailboxes.
        usleep(200_000)
        let media = (phone: try home.agent.media(), pbx: try stage.pbx.media())
        let ice = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
        home.send("INVITE", "sip:tone@pbx.example", callID: UUID().uuidString, body: media.phone.description() + ice)
        try stage.pbx.answer("486 Busy Here", to: try stage.pbx.expect("INVITE"), tag: "pbx")
        _ = try home.agent.expect("486 INVITE")
        _ = try stage.pbx.expect("ACK")
        for _ in 0..<6 {
            home.callPhone(by: register, body: media.pbx.description())
            let invite = try home.agent.expectINVITE()
            #expect(invite.body.contains("a=ice-ufrag:"), "\(invite)")
            try home.agent.answer("486 Busy Here", to: invite, tag: "phone")
            _ = try stage.pbx.expect("486 INVITE")
            _ = try home.agent.expect("ACK")
        }
        try stage.expectIdle()
        #expect(try daemon.stop() == 0)
    }

    @Test(
        "A phone's connection that has ended is 430, and the next REGISTER brings it back",
        arguments: ["path", "parameter"])
    func connection(contact: String) throws {
        let stage = try Stage(extra: RemotePhone.configuration(contact))
        try stage.start()
        let home = try RemotePhone("home", port: 7001, over: .tcp, on: stage)
        let register = try home.register()
        home.agent.streams?.disconnect()
        #expect(try eventually { try stage.json("flows", as: [FlowSnapshot].self).isEmpty })
        home.callPhone(by: register)
        _ = try stage.pbx.expect("430 INVITE")
        let again = try home.register()
        var call = try home.called(by: again)
        try call.talk()
        try call.hangUp(byPhone: false)
        try stage.expectIdle()
    }

    @Test("A phone that moves to another port is called there, and its running call ends there")
    func move() throws {
        let stage = try Stage(extra: RemotePhone.configuration())
        try stage.start()
        let home = try RemotePhone("home", port: 7001, on: stage)
        var call = try home.called(by: try home.register())
        let moved = try RemotePhone("home", port: 7051, on: stage)
        let register = try moved.register()
        try call.pbx.send("BYE")
        try moved.agent.answer("200 OK", to: try moved.agent.expect("BYE"))
        _ = try stage.pbx.expect("200 BYE")
        var next = try moved.called(by: register)
        try next.talk()
        try next.hangUp(byPhone: true)
        home.send("INVITE", "sip:tone@pbx.example", callID: "gone")
        #expect(stage.pbx.next(within: 0.5) == nil)
        try stage.expectIdle()
    }

    @Test("A source that has not registered gets nothing but REGISTER to the PBX, and From must be its own")
    func strangers() throws {
        let stage = try Stage(extra: RemotePhone.configuration())
        try stage.start()
        let home = try RemotePhone("home", port: 7001, on: stage)
        try home.register()
        let stranger = try RemotePhone("home", port: 7099, on: stage)
        let open = try RemotePhone("home", port: 7098, over: .tcp, on: stage)
        for method in ["INVITE", "MESSAGE", "SUBSCRIBE", "FROB"] {
            stranger.send(method, "sip:tone@pbx.example", callID: UUID().uuidString)
            open.send(method, "sip:tone@pbx.example", callID: UUID().uuidString)
            _ = try open.agent.expect("403 \(method)")
            home.send(method, "sip:tone@pbx.example", callID: UUID().uuidString, from: "sip:desk@pbx.example")
        }
        stranger.send("REGISTER", "sip:other.example", callID: "foreign", from: "sip:home@other.example")
        #expect(stage.pbx.next(within: 0.5) == nil)
        #expect(home.agent.next(within: 0) == nil && stranger.agent.next(within: 0) == nil)
        #expect(try stage.status().messages.dropped["unadmitted"] ?? 0 >= 13)
    }

    @Test("Phones' requests come from an inside address of their own")
    func ownAddress() throws {
        let stage = try Stage(extra: RemotePhone.configuration(more: ", inside: 127.0.0.9"))
        try stage.start()
        let home = try RemotePhone("home", port: 7001, on: stage)
        home.send("REGISTER", "sip:pbx.example", callID: "own")
        let register = try stage.pbx.expect("REGISTER")
        #expect(register["Via"].hasPrefix("SIP/2.0/UDP 127.0.0.9:\(stage.inside.port);"))
        #expect(register["Path"].hasPrefix("<sip:127.0.0.9:\(stage.inside.port);lr;ob;sp="))
    }

    @Test("The pinhole of a silent phone is held open", .timeLimit(.minutes(1)))
    func pinhole() throws {
        let stage = try Stage(extra: RemotePhone.configuration())
        try stage.start()
        let wire = try LoopbackPeer(at: SocketAddress(stage.host(5), 7001))
        let text = """
            REGISTER sip:pbx.example SIP/2.0
            Via: SIP/2.0/UDP 10.0.0.2;rport;branch=z9hG4bKpin
            From: <sip:home@pbx.example>;tag=a
            To: <sip:home@pbx.example>
            Call-ID: pin
            CSeq: 1 REGISTER
            Contact: <sip:home@10.0.0.2>
            Content-Length: 0


            """
        wire.send(Array(text.replacingOccurrences(of: "\n", with: "\r\n").utf8), to: stage.outside)
        let register = try stage.pbx.expect("REGISTER")
        try stage.pbx.answer("200 OK", to: register, tag: "r", "Contact: <sip:home@10.0.0.2>;expires=60")
        #expect(wire.receive(within: 5_000)?.packet.starts(with: Array("SIP/2.0 200".utf8)) == true)
        let ping = wire.receive(within: 27_000)
        #expect(ping?.packet == Array("\r\n\r\n".utf8) && ping?.source == stage.outside)
    }
}

extension Stage {
    /// Waits until a phone's binding is on the disk.
    fileprivate func waitForPhones() throws {
        let path = directory + "/state/phones.journal"
        for _ in 0..<500 {
            let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            if size ?? 0 > 100 { return }
            usleep(10_000)
        }
        Issue.record("nothing in \(path)")
    }
}
