import Config
import NetworkTypes
import Testing

@Suite("What the outside is known by, and one-armed hosts")
struct AdvertiseTests {
    private let machine = InterfaceTable([
        .init(name: "lan", address: ip("192.168.0.1"), prefixLength: 24),
        .init(name: "lan", address: ip("fd00::1"), prefixLength: 64),
        .init(name: "wan", address: ip("172.16.0.2"), prefixLength: 24),
        .init(name: "wan", address: ip("2001:db8::2"), prefixLength: 64),
    ])

    private func validated(_ yaml: String) throws -> (text: String, configuration: Configuration) {
        var configuration = try read(yaml)
        do {
            let warnings = try configuration.validate(on: machine)
            return (warnings.map(\.description).joined(separator: "\n"), configuration)
        } catch { return (error.description, configuration) }
    }

    private func outside(_ advertise: String) -> String {
        "inside: 192.168.0.1\noutside: {addresses: [172.16.0.2, \"2001:db8::2\"], advertise: \(advertise)}"
    }

    @Test("An address or a name, one of each family, in any spelling; and it is printed as it is read")
    func values() throws {
        let both = try validated(outside("[198.51.100.9, \"[2001:DB8:9::0:9]\"]"))
        #expect(both.text == "")
        #expect(both.configuration.outside.advertise.map(\.description) == ["198.51.100.9", "2001:db8:9::9"])
        #expect(both.configuration.outside.familiesOfName == [])
        let again = try read(both.configuration.effectiveYAML)
        #expect(again.outside.advertise == both.configuration.outside.advertise)
        let name = try validated(outside("Edge.example.org")).configuration.outside
        #expect(name.advertisedName == "edge.example.org" && name.familiesOfName == [.v4, .v6])
        let mixed = try validated(outside("[edge.example.org, \"2001:db8:9::9\"]")).configuration.outside
        #expect(mixed.familiesOfName == [.v4] && mixed.advertisedAddress(.v6) == ip("2001:db8:9::9"))
    }

    @Test(
        "What can't be told the world is an error at its place",
        arguments: [
            ("1.2.3", "edge.yaml:2:62: 'outside.advertise': expected a host name or an address, not '1.2.3'"),
            ("0.0.0.0", "edge.yaml:2:62: 'outside.advertise': 0.0.0.0 is no address that others can send to"),
            ("224.0.0.1", "edge.yaml:2:62: 'outside.advertise': 224.0.0.1 is no address that others can send to"),
            (
                "\"fe80::1%eth0\"",
                "edge.yaml:2:62: 'outside.advertise': expected a host name or an address, not 'fe80::1%eth0'"
            ),
            ("[]", "edge.yaml:2:62: 'outside.advertise' must not be empty"),
        ])
    func badValues(value: String, complaint: String) { #expect(complaints(outside(value)) == complaint) }

    @Test("What does not fit the addresses is an error at its place")
    func misfits() throws {
        #expect(
            try validated("inside: 192.168.0.1\noutside: {addresses: [172.16.0.2], advertise: \"2001:db8::9\"}").text
                == "edge.yaml:2:47: 2001:db8::9 has no IPv6 address among outside.addresses that it stands for")
        #expect(
            try validated(outside("[198.51.100.9, 198.51.100.10]")).text
                == "edge.yaml:2:77: 198.51.100.10 is a second IPv4 address; give one of each family")
        #expect(
            try validated(outside("[a.example, b.example]")).text
                == "edge.yaml:2:74: b.example is a second name; give one")
        #expect(try validated(outside("192.168.0.1")).text == "edge.yaml:2:62: 192.168.0.1 is an inside address")
    }

    @Test("An address of the inside networks is a warning")
    func insideAddress() throws {
        #expect(
            try validated(outside("192.168.0.9")).text
                == "edge.yaml:2:62: warning: 192.168.0.9 is in the inside network 192.168.0.0/24: peers outside can't reach it"
        )
    }

    @Test("One address and port for both sides needs inside.networks, and is warned of")
    func sharedSocket() throws {
        let inner = "inside: {addresses: [192.168.0.1], networks: [192.168.0.0/24]}"
        let told = try validated("\(inner)\noutside: 192.168.0.1")
        #expect(
            told.text.hasPrefix(
                "edge.yaml:2:10: warning: inside and outside share udp 192.168.0.1:5060: only its source"))
        #expect(told.configuration.sharedListeners.map { "\($0.transport)" } == ["udp", "tcp"])
        let without = try validated("inside: 192.168.0.1\noutside: 192.168.0.1").text
        #expect(without.contains("give one side another port, or name inside.networks"))
        let all = try validated("inside: {addresses: [192.168.0.1], networks: [0.0.0.0/0]}\noutside: 192.168.0.1").text
        #expect(all.hasPrefix("edge.yaml:1:46: 0.0.0.0/0 leaves no source for the outside"), "\(all)")
    }

    @Test("A port that another program has is told once where both sides share it")
    func sharedPortTaken() throws {
        var configuration = try read(
            "inside: {addresses: [192.168.0.1], listen: [udp], networks: [192.168.0.0/24]}\n"
                + "outside: {addresses: [192.168.0.1], listen: [udp]}")
        #expect {
            try configuration.validate(on: machine) { $1.port == 5060 }
        } throws: { "\($0)" == "edge.yaml:1:44: udp 192.168.0.1:5060 is in use by another program" }
    }
}
