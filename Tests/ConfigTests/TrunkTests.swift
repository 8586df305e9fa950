import Config
import NetworkTypes
import Testing

@Suite("Trunks")
struct TrunkTests {
    private let machine = InterfaceTable([
        .init(name: "lan", address: ip("10.0.0.1"), prefixLength: 24),
        .init(name: "wan", address: ip("192.0.2.1"), prefixLength: 24),
    ])

    private func trunk(_ lines: String) throws -> TrunkConfiguration {
        let trunks = try read(
            "inside: 10.0.0.1\noutside: 192.0.2.1\ntrunks:\n- {name: a, domain: a.example, \(lines)}\n"
        )
        .trunks
        return try #require(trunks.first)
    }

    @Test("Every key is read, and written back as it is")
    func everyKey() throws {
        let text = """
            inside: 10.0.0.1
            outside: [192.0.2.1, "2001:db8::1"]
            trunks:
            - {name: a, domain: a.example, transport: TCP, contact: path, qualify: 90s, source_port: 5080,
               pbx: [sip:10.0.0.2, "sip:10.0.0.3:5070;transport=tcp"]}
            - {name: b, domain: b.example, transport: auto, contact: user, qualify: off}
            """
        let configuration = try read(text)
        let (a, b) = (configuration.trunks[0], configuration.trunks[1])
        #expect(a.transport == .tcp && a.contact == .path && a.qualify == .seconds(90) && a.sourcePort == 5080)
        #expect(a.pbx.map(\.description) == ["sip:10.0.0.2", "sip:10.0.0.3:5070;transport=tcp"])
        #expect(b.transport == nil && b.contact == .user && b.qualify == nil && b.sourcePort == nil)
        #expect(try read(configuration.effectiveYAML).trunks == configuration.trunks)
        #expect(configuration.sourcePorts.map(\.address.description) == ["192.0.2.1:5080", "[2001:db8::1]:5080"])
    }

    @Test("Without a word they are what they were")
    func defaults() throws {
        let trunk = try trunk("nat: no")
        #expect(
            trunk.transport == nil && trunk.contact == .parameter && trunk.qualify == nil && trunk.sourcePort == nil)
    }

    @Test(
        "What is wrong is told where it stands",
        arguments: [
            ("transport: sctp", "4:43: 'trunks[0].transport': expected auto, udp, tcp or tls, not 'sctp'"),
            ("contact: header", "4:41: 'trunks[0].contact': expected one of parameter, user, path, not 'header'"),
            ("qualify: 30", "4:41: 'trunks[0].qualify': the duration 30 needs a unit: ms, s, m, h or d"),
            ("qualify: 500ms", "4:41: 'trunks[0].qualify': 500ms is outside 1s to 1h"),
            ("source_port: 0", "4:45: 'trunks[0].source_port': expected a port from 1 to 65535, not '0'"),
            ("pbx: [sip:10.0.0.2, sip:10.0.0.2]", "4:52: 'trunks[0].pbx[1]': given twice"),
        ])
    func mistakes(lines: String, complaint: String) {
        let error = #expect(throws: ConfigurationErrors.self) { try trunk(lines) }
        #expect(error?.description == "edge.yaml:\(complaint)")
    }

    @Test("Two trunks can't have one port")
    func samePort() {
        let text = """
            inside: 10.0.0.1
            outside: 192.0.2.1
            trunks:
            - {name: a, domain: a.example, source_port: 5080}
            - {name: b, domain: b.example, source_port: 5080}
            """
        let error = #expect(throws: ConfigurationErrors.self) { try read(text) }
        #expect(error?.description == "edge.yaml:5:45: the trunk 'a' has the port 5080 already")
    }

    @Test(
        "A port that is not free is told where it stands",
        arguments: [
            (5060, "we listen on 192.0.2.1:5060 for everybody; give the trunk another port"),
            (10002, "10002 is one of the media ports 10000-20000"),
            (5099, "udp 192.0.2.1:5099 is in use by another program"),
        ])
    func takenPort(port: UInt16, complaint: String) throws {
        var configuration = try read(
            "inside: 10.0.0.1\noutside: 192.0.2.1\ntrunks:\n- {name: a, domain: a.example, source_port: \(port)}\n")
        let error = #expect(throws: ConfigurationErrors.self) {
            try configuration.validate(on: machine) { $1.port == 5099 }
        }
        #expect(error?.description == "edge.yaml:4:45: \(complaint)")
    }

    @Test("A transport that we don't speak outside is told")
    func unspokenTransport() throws {
        var configuration = try read(
            "inside: 10.0.0.1\noutside: {addresses: [192.0.2.1], listen: [udp]}\n"
                + "trunks:\n- {name: a, domain: a.example, transport: tcp}\n")
        let error = #expect(throws: ConfigurationErrors.self) {
            try configuration.validate(on: machine)
        }
        #expect(
            error?.description
                == "edge.yaml:4:43: we don't speak tcp outside: outside.listen does not name it")
    }
}
