import Admin
import Foundation
import NetworkTypes
import TestSupport
import Testing

@Suite(
    "The executable on hosts of their own", .serialized,
    .enabled(if: NetworkNamespace.isAvailable, NetworkNamespace.unavailable))
struct HostTests {
    /// How the edge's sides are laid out.
    struct Layout: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let sides: String
        let inside: String
        let outside: String
        var pbx = Site.pbxAddress
        var itsp = Site.itspAddress
        /// What the router makes of the edge's outside address.
        var translation: (inner: String, outer: String)?
        var hasOwnInterface = false
        var pbxOver = TransportProtocol.udp
        var itspOver = TransportProtocol.udp

        /// Where the proxy's sockets are.
        var addresses: [String] {
            [inside, translation?.inner ?? outside].map { IPAddress($0) == nil ? String($0.prefix { $0 != ":" }) : $0 }
        }
    }

    static let layouts = [
        Layout(
            testDescription: "one address, two ports",
            sides: """
                inside: {addresses: [10.0.0.1], listen: ["udp:5060"]}
                outside: {addresses: [10.0.0.1], listen: ["udp:5080"]}
                """, inside: "10.0.0.1", outside: "10.0.0.1:5080"),
        Layout(
            testDescription: "one address and port",
            sides: """
                inside: {addresses: [10.0.0.1], networks: [10.0.0.0/24]}
                outside: 10.0.0.1
                """, inside: "10.0.0.1", outside: "10.0.0.1"),
        Layout(
            testDescription: "one interface, two addresses", sides: "inside: 10.0.0.1\noutside: 10.0.0.3",
            inside: "10.0.0.1", outside: "10.0.0.3"),
        Layout(
            testDescription: "one address and port behind 1:1 NAT",
            sides: """
                inside: {addresses: [10.0.0.1], networks: [10.0.0.0/24]}
                outside: {addresses: [10.0.0.1], advertise: 198.51.100.9}
                """, inside: "10.0.0.1", outside: "198.51.100.9", translation: ("10.0.0.1", "198.51.100.9")),
        Layout(
            testDescription: "two interfaces, the outside behind 1:1 NAT",
            sides: "inside: 10.0.0.1\noutside: {addresses: [172.16.0.2], advertise: 198.51.100.9}",
            inside: "10.0.0.1", outside: "198.51.100.9", translation: ("172.16.0.2", "198.51.100.9"),
            hasOwnInterface: true),
        Layout(
            testDescription: "IPv6 one-armed, one address and port",
            sides: """
                inside: {addresses: ["fd00:10::1"], networks: ["fd00:10::/64"]}
                outside: "fd00:10::1"
                """, inside: "fd00:10::1", outside: "fd00:10::1", pbx: "fd00:10::2", itsp: "2001:db8:113::10"),
        Layout(
            testDescription: "IPv6 inside, IPv4 outside behind 1:1 NAT",
            sides: "inside: \"fd00:10::1\"\noutside: {addresses: [172.16.0.2], advertise: 198.51.100.9}",
            inside: "fd00:10::1", outside: "198.51.100.9", pbx: "fd00:10::2",
            translation: ("172.16.0.2", "198.51.100.9"), hasOwnInterface: true),
        Layout(
            testDescription: "one address and port, over TCP",
            sides: """
                inside: {addresses: [10.0.0.1], networks: [10.0.0.0/24]}
                outside: 10.0.0.1
                """, inside: "10.0.0.1", outside: "10.0.0.1", pbxOver: .tcp, itspOver: .tcp),
        Layout(
            testDescription: "one address and port behind 1:1 NAT, TCP outside",
            sides: """
                inside: {addresses: [10.0.0.1], networks: [10.0.0.0/24]}
                outside: {addresses: [10.0.0.1], advertise: 198.51.100.9}
                """, inside: "10.0.0.1", outside: "198.51.100.9", translation: ("10.0.0.1", "198.51.100.9"),
            itspOver: .tcp),
    ]

    @Test("Registers, calls and is called, with audio both ways", arguments: layouts)
    func calls(layout: Layout) throws {
        let site = try Site()
        if layout.hasOwnInterface { try site.separateOutside() }
        if let (inner, outer) = layout.translation { try site.translateConnections(inner, to: outer) }
        let stage = try site.stage(
            layout.sides, inside: layout.inside, outside: layout.outside, addresses: layout.addresses, pbx: layout.pbx,
            itsp: layout.itsp, pbxOver: layout.pbxOver, itspOver: layout.itspOver)
        let process = try stage.start()
        let contact = try stage.register()
        for party in LiveCall.Party.allCases {
            let inbound = try stage.inboundCall(contact)
            #expect(inbound.invite.requestURI == "sip:s@\(stage.pbx.address)\(stage.pbx.parameter);line=abc")
            try inbound.talk()
            try inbound.hangUp(by: party)
            let outbound = try stage.outboundCall()
            #expect(outbound.invite.audioAddress?.ip == stage.outside.ip)
            #expect(outbound.invite.uri("Contact").contains("@\(stage.outside)\(stage.itsp.parameter);sp="))
            #expect(outbound.invite["Via"].hasPrefix("SIP/2.0/\(layout.itspOver.viaName) \(stage.outside);"))
            try outbound.talk()
            try outbound.reinvite(by: party)
            try outbound.talk()
            try outbound.hangUp(by: party)
        }
        let direct = try stage.inboundCall("sip:account1@\(stage.outside)")
        try direct.hangUp(by: .itsp)
        try stage.expectIdle()
        let isWarned = layout.sides.contains("networks")
        #expect(process.text.contains("only its source address says") == isWarned, "\(process.text)")
        #expect(try stage.status().messages.dropped.isEmpty)
    }

    @Test("Until its name resolves the outside is closed with 503; then it opens by itself")
    func lateName() throws {
        let site = try Site()
        try site.separateOutside()
        try site.translate("172.16.0.2", to: "198.51.100.9")
        try site.overlay("/etc/resolv.conf", with: "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        try site.overlay("/etc/hosts", with: "127.0.0.1 localhost\n")
        let stage = try site.stage(
            "inside: 10.0.0.1\noutside: {addresses: [172.16.0.2], advertise: edge.example.org}", inside: "10.0.0.1",
            outside: "198.51.100.9", addresses: ["10.0.0.1", "172.16.0.2"])
        let process = try stage.start()
        try stage.expectRefusal()
        try site.overlay("/etc/hosts", with: "127.0.0.1 localhost\n198.51.100.9 edge.example.org\n")
        #expect(eventually(within: 20) { process.text.contains("outside is known by") })
        let contact = try stage.register()
        let call = try stage.inboundCall(contact)
        try call.talk()
        try call.hangUp(by: .itsp)
        let named = try stage.inboundCall("sip:account1@edge.example.org")
        try named.hangUp(by: .pbx)
        try stage.expectIdle()
    }

    @Test("An address that changes takes effect without a restart, and calls that are up go on")
    func changingName() throws {
        let site = try Site()
        try site.separateOutside()
        try site.translate("172.16.0.2", to: "198.51.100.9")
        try site.overlay("/etc/hosts", with: "198.51.100.9 edge.example.org\n")
        let sides = "inside: 10.0.0.1\noutside: {addresses: [172.16.0.2], advertise: edge.example.org}"
        let addresses = ["10.0.0.1", "172.16.0.2"]
        let stage = try site.stage(sides, inside: "10.0.0.1", outside: "198.51.100.9", addresses: addresses)
        // In this process, so that the name need not be waited for for five minutes.
        let daemon = try site.edge.run {
            try DaemonThread(stage.file, shards: 2, advertiseInterval: .milliseconds(200) ... .milliseconds(200))
        }
        try stage.waitUntilReady()
        let call = try stage.outboundCall()
        try call.talk()

        try site.overlay("/etc/hosts", with: "198.51.100.10 edge.example.org\n")
        try site.translate("172.16.0.2", to: "198.51.100.10", insteadOf: "198.51.100.9")
        try stage.waitUntilKnown(by: "198.51.100.10")
        let later = try stage.outboundCall()
        #expect(later.invite.uri("Contact").contains("@198.51.100.10:5060;"))
        #expect(later.invite.audioAddress?.ip == IPAddress("198.51.100.10"))
        try later.talk()
        // The call of before: its next offer moves the outside leg, and its old Route is still ours.
        try call.reinvite(by: .pbx)
        #expect(call.itspMedia.remote?.ip == IPAddress("198.51.100.10"))
        try call.talk()
        try call.hangUp(by: .pbx)
        try later.hangUp(by: .itsp)
        #expect(try daemon.stop() == 0)
    }
}

extension Stage {
    /// A REGISTER is refused with 503, so that the PBX will try again, and the ITSP hears nothing.
    fileprivate func expectRefusal() throws {
        pbx.send(
            """
            REGISTER sip:\(itsp.address) SIP/2.0
            Via: \(pbx.via())
            Max-Forwards: 70
            Route: <sip:\(inside);lr>
            From: <sip:account1@\(itsp.address)>;tag=r1
            To: <sip:account1@\(itsp.address)>
            Call-ID: \(UUID())
            CSeq: 1 REGISTER
            Contact: <sip:s@\(pbx.address)>
            """, to: inside)
        let answer = try pbx.expect("503 REGISTER")
        #expect(!answer["Retry-After"].isEmpty)
        #expect(itsp.next(within: 0.3) == nil)
    }

    /// Asks the ITSP something through the proxy until the question names `address`.
    fileprivate func waitUntilKnown(by address: String) throws {
        for _ in 0..<100 {
            pbx.send(
                """
                OPTIONS sip:\(itsp.address) SIP/2.0
                Via: \(pbx.via())
                Max-Forwards: 70
                Route: <sip:\(inside);lr>
                From: <sip:account1@\(itsp.address)>;tag=o1
                To: <sip:\(itsp.address)>
                Call-ID: \(UUID())
                CSeq: 1 OPTIONS
                """, to: inside)
            let options = try itsp.expect("OPTIONS")
            if options["Via"].contains(address) { return }
            usleep(100_000)
        }
        throw ProxyProcess.Failure(text: "\(address) was never told")
    }
}
