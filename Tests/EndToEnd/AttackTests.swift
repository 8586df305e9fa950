import Admin
import Foundation
import NetworkTypes
import Testing

@Suite("The executable under attack")
struct AttackTests {
    static let attackerPacket: [UInt8] = [0x80, 0, 9, 9, 0, 0, 9, 9, 6, 6, 6, 6] + [UInt8](repeating: 0x66, count: 160)

    /// Sends from a third address to every media port, often enough to be first anywhere.
    private func spray(_ stage: Stage, _ attacker: LoopbackPeer, times: Int = 3) {
        for _ in 0..<times {
            for ip in [stage.inside.ip, stage.outside.ip] {
                for port in stage.ports { attacker.send(Self.attackerPacket, to: SocketAddress(ip, port)) }
            }
        }
    }

    @Test("security 1, 2, 3: RTP sprayed from a third address reaches nobody, takes nothing over and gets nothing back")
    func spray() throws {
        let stage = try Stage()
        try stage.start()
        let attacker = try LoopbackPeer(at: SocketAddress(stage.host(66), 6_666))
        let call = try stage.outboundCall()
        spray(stage, attacker)
        try call.talk()
        spray(stage, attacker)
        try call.talk()
        try call.reinvite(by: .pbx)
        spray(stage, attacker)
        try call.talk()
        let leaked = call.pbxMedia.drain() + call.itspMedia.drain()
        #expect(leaked.isEmpty)
        #expect(attacker.receive(within: 200) == nil)
        let dropped = try #require(try stage.calls().first).legs.reduce(0) { $0 + ($1.dropped["source"] ?? 0) }
        // Two of the four sockets are RTP's, and each was hit nine times.
        #expect(dropped >= 18)
        try call.hangUp(by: .pbx)
        try stage.expectIdle()
    }

    @Test("security 1, 2: for a trunk behind NAT at most five foreign packets pass, and the peer's own source wins")
    func provisional() throws {
        let stage = try Stage(
            extra: "pbx: PBX\ntrunks: [{name: far, domain: itsp.example, networks: [127.0.0.0/8], nat: yes}]")
        try stage.start()
        let attacker = try LoopbackPeer(at: SocketAddress(stage.host(66), 6_666))
        let call = try stage.inboundCall("sip:100@\(stage.outside)")
        spray(stage, attacker, times: 20)
        usleep(100_000)
        let foreign = call.pbxMedia.drain() + call.itspMedia.drain()
        #expect((1...5).contains(foreign.count))
        try call.talk()
        spray(stage, attacker, times: 5)
        try call.talk()
        #expect(attacker.receive(within: 200) == nil)
        try call.hangUp(by: .itsp)
        try stage.expectIdle()
    }

    @Test(
        "security 1: RTP sprayed over the port range while calls begin, and mid-call: with SRTP not one packet passes")
    func spraySecured() throws {
        let stage = try Stage(
            extra: "trunks: [{name: itsp, domain: \"ITSP\", networks: [\"ITSP\"], srtp: required}]\npbx: \"PBX\"")
        stage.itsp.isSecure = true
        try stage.start()
        let attacker = try LoopbackPeer(at: SocketAddress(stage.host(66), 6_666))
        var calls: [LiveCall] = []
        for number in 0..<8 {
            spray(stage, attacker, times: 1)
            calls.append(
                number.isMultiple(of: 2)
                    ? try stage.outboundCall() : try stage.inboundCall("sip:100@\(stage.outside)"))
            spray(stage, attacker, times: 1)
        }
        for call in calls {
            try call.talk(packets: 3)
            spray(stage, attacker, times: 1)
            #expect((call.pbxMedia.drain() + call.itspMedia.drain()).isEmpty)
        }
        #expect(attacker.receive(within: 200) == nil)
        for call in calls { try call.hangUp(by: .itsp) }
        try stage.expectIdle()
    }

    @Test("security 29, 30: 20,000 packets of scanners and garbage leave a call, and the memory, as they were")
    func flood() throws {
        let stage = try Stage()
        try stage.start()
        let contact = try stage.register()
        let call = try stage.inboundCall(contact)
        try call.talk()
        let before = try stage.status()
        let attackers = try (0..<8).map { try LoopbackPeer(at: SocketAddress(stage.host(UInt32(70 + $0)), 5_060)) }
        for number in 0..<20_000 {
            let attacker = attackers[number % attackers.count]
            attacker.send(Self.scan(number, from: attacker.address, to: stage.outside), to: stage.outside)
            if number.isMultiple(of: 500) { try call.talk(packets: 1) }
        }
        try call.talk()
        let after = try stage.status()
        #expect(after.memoryBytes < before.memoryBytes + 64 << 20)
        #expect(after.calls.now == 1 && after.calls.total == 1)
        #expect(after.transactions < 100)
        #expect(try stage.calls().first?.legs.allSatisfy { $0.lost == 0 } == true)
        #expect(stage.pbx.next(within: 0) == nil)
        try call.reinvite(by: .pbx)
        try call.talk()
        try call.hangUp(by: .itsp)
        try stage.expectIdle()
    }

    /// What arrives at port 5060 of any public address.
    static func scan(_ number: Int, from source: SocketAddress, to target: SocketAddress) -> [UInt8] {
        let method = ["OPTIONS", "INVITE", "REGISTER", "BYE", "MESSAGE", "SUBSCRIBE", "X\(number)"][number % 7]
        let text = """
            \(method) sip:\(number)@\(target) SIP/2.0\r
            Via: SIP/2.0/UDP \(source);branch=z9hG4bK\(number)\r
            From: "friendly-scanner" <sip:\(number)@\(target)>;tag=\(number)\r
            To: <sip:\(number)@\(target)>\(number.isMultiple(of: 2) ? ";tag=1" : "")\r
            Call-ID: scan-\(number)\r
            CSeq: 1 \(method)\r
            Contact: <sip:\(number)@\(source)>\r
            Content-Length: 0\r
            \r

            """
        switch number % 10 {
        case 0: return (0..<300).map { UInt8(truncatingIfNeeded: $0 &* number) }
        case 1: return Array(text.utf8.prefix(number % text.utf8.count))
        case 2: return Array(repeating: UInt8(ascii: "\r"), count: number % 20)
        case 3: return Array("SIP/2.0 200 OK\r\n".utf8) + text.utf8.drop { $0 != 10 }.dropFirst()
        default: return Array(text.utf8)
        }
    }
}
