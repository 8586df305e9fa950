import Config
import NetworkTypes
import Testing

@Suite("A configuration on a machine")
struct ValidationTests {
    private let machine = InterfaceTable([
        .init(name: "lo", address: ip("127.0.0.1"), prefixLength: 8),
        .init(name: "lan", address: ip("192.168.0.1"), prefixLength: 24),
        .init(name: "lan", address: ip("fd00::1"), prefixLength: 64),
        .init(name: "wan", address: ip("203.0.113.1"), prefixLength: 29),
        .init(name: "wan", address: ip("192.168.0.130"), prefixLength: 25),
        .init(name: "ppp", address: ip("198.51.100.7"), prefixLength: 32),
    ])

    private func errors(_ yaml: String, isTaken: ((TransportProtocol, SocketAddress) -> Bool)? = nil) throws -> String {
        var configuration = try read(yaml)
        do {
            _ = try configuration.validate(on: machine, isTaken: isTaken)
            return ""
        } catch {
            return error.description
        }
    }

    private func warnings(_ yaml: String, isTaken: ((TransportProtocol, SocketAddress) -> Bool)? = nil) throws
        -> [String]
    {
        var configuration = try read(yaml)
        return try configuration.validate(on: machine, isTaken: isTaken).map(\.description)
    }

    @Test("The inside networks are the subnets of the inside addresses")
    func insideNetworks() throws {
        var configuration = try read("inside: [192.168.0.1, \"fd00::1\"]\noutside: 203.0.113.1")
        #expect(try configuration.validate(on: machine).isEmpty)
        #expect(configuration.inside.networks.map(\.description) == ["192.168.0.0/24", "fd00::/64"])
    }

    @Test("Networks that the file names stay as they are")
    func namedNetworks() throws {
        var configuration = try read(
            "inside: {addresses: [192.168.0.1], networks: [10.1.0.0/16]}\noutside: 203.0.113.1")
        #expect(try configuration.validate(on: machine).isEmpty)
        #expect(configuration.inside.networks.map(\.description) == ["10.1.0.0/16"])
    }

    @Test("An address on no interface is an error at its place")
    func foreignAddress() throws {
        #expect(
            try errors("inside: 192.168.0.2\noutside: {addresses: [203.0.113.1, 203.0.113.9]}") == """
                edge.yaml:1:9: 192.168.0.2 is on no interface of this machine
                edge.yaml:2:36: 203.0.113.9 is on no interface of this machine
                """)
    }

    @Test("The addresses of the command line have no place in a file")
    func commandLine() throws {
        var configuration = Configuration(inside: ip("192.168.0.2"), outside: ip("203.0.113.1"))
        #expect(
            throws: ConfigurationErrors(
                .init(file: "command line", message: "192.168.0.2 is on no interface of this machine"))
        ) { try configuration.validate(on: machine) }
    }

    @Test("Both sides on one address and port is an error, on two ports a warning")
    func oneArmed() throws {
        #expect(
            try errors("inside: 192.168.0.1\noutside: 192.168.0.1").hasPrefix(
                "edge.yaml:2:10: inside and outside both listen on udp 192.168.0.1:5060"))
        let told = try warnings(
            "inside: 192.168.0.1\noutside: {addresses: [192.168.0.1], listen: [udp:5080, tcp:5080]}")
        #expect(told.count == 1)
        #expect(told.first?.hasPrefix("edge.yaml:2:10: warning: inside and outside share 192.168.0.1") == true)
        #expect(told.first?.contains("forged") == true)
    }

    @Test("Networks of the two sides that overlap are a warning")
    func overlap() throws {
        let told = try warnings("inside: 192.168.0.1\noutside: 192.168.0.130")
        #expect(
            told == [
                "edge.yaml:1:9: warning: the inside network 192.168.0.0/24 overlaps the outside network "
                    + "192.168.0.128/25: hosts out there may call out"
            ])
    }

    @Test("An inside address without a subnet lets nobody call out, which is a warning")
    func noSubnet() throws {
        #expect(
            try warnings("inside: 198.51.100.7\noutside: 203.0.113.1").first?.contains("name inside.networks") == true)
    }

    @Test("A range that contains the SIP port is an error")
    func sipPortInRange() throws {
        #expect(
            try errors("inside: 192.168.0.1\noutside: 203.0.113.1\nmedia: {ports: 5000-6000}")
                == "edge.yaml:3:16: the range contains the SIP port 5060")
    }

    @Test("A SIP port in use is an error, a few media ports a warning, many an error")
    func portsTaken() throws {
        let yaml = "inside: 192.168.0.1\noutside: 203.0.113.1\nmedia: {ports: 10000-10099}"
        #expect(
            try errors(yaml) { $0 == .udp && $1.port == 5060 && $1.ip == ip("203.0.113.1") }
                == "edge.yaml:2:10: udp 203.0.113.1:5060 is in use by another program")
        #expect(
            try errors(yaml) { $0 == .tcp && $1.ip == ip("192.168.0.1") }
                == "edge.yaml:1:9: tcp 192.168.0.1:5060 is in use by another program")
        #expect(
            try warnings(yaml) { $0 == .udp && $1.port == 10020 && $1.ip == ip("203.0.113.1") } == [
                "edge.yaml:3:16: warning: 1 of the ports 10000-10099 are in use on 203.0.113.1, 10020 is the first"
            ])
        #expect(
            try errors(yaml) { $0 == .udp && $1.port >= 10050 && $1.ip == ip("192.168.0.1") }
                == "edge.yaml:3:16: 50 of the ports 10000-10099 are in use on 192.168.0.1, 10050 is the first")
    }

    @Test("Calls are limited by ports, by descriptors, and by what the file says")
    func capacity() throws {
        var configuration = try read("inside: 192.168.0.1\noutside: 203.0.113.1\nmedia: {ports: 10000-10099}")
        // One pair of fifty is kept for emergency calls.
        #expect(configuration.callCapacity(descriptors: 1 << 20) == 49)
        #expect(configuration.callCapacity(descriptors: 256 + 64 + 83) == 20)
        #expect(configuration.connectionCapacity(descriptors: 1 << 20) == 10_000)
        #expect(configuration.connectionCapacity(descriptors: 8_000) == 1_000)
        #expect(configuration.callCapacity(descriptors: 100) == 0)
        configuration.limits.calls = .exactly(7)
        #expect(configuration.callCapacity(descriptors: 1 << 20) == 7)
    }

    @Test(
        "Of the ports, whole pairs count, less the 2 % of them that are kept for emergency calls",
        arguments: [
            ("10000-19999", "203.0.113.1", 4900), ("10000-19999", "192.168.0.1", 2450),
            ("10000-10098", "203.0.113.1", 48),
            ("10000-10003", "203.0.113.1", 2),
        ])
    func pairs(ports: String, outside: String, calls: Int) throws {
        let listen = outside == "192.168.0.1" ? "\n  listen: [udp:5080]" : ""
        let yaml = "inside: 192.168.0.1\noutside:\n  addresses: [\(outside)]\(listen)\nmedia: {ports: \(ports)}"
        #expect(try read(yaml).callCapacity(descriptors: 1 << 20) == calls)
    }

    @Test("This machine has a loopback address")
    func thisMachine() {
        let entry = InterfaceTable.ofThisMachine().entry(of: ip("127.0.0.1"))
        #expect(entry?.prefixLength == 8 && entry?.name == "lo")
    }
}
