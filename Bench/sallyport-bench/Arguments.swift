import ArgumentParser
import NetworkTypes

/// Addresses and port ranges as they are written on the command line.
struct Address: ExpressibleByArgument {
    let value: SocketAddress

    init?(argument: String) {
        guard let value = SocketAddress(argument), value.ip.family == .v4 else { return nil }
        self.value = value
    }

    init(_ ip: UInt32, _ port: UInt16) { value = SocketAddress(IPAddress(v4: ip), port) }

    var defaultValueDescription: String { value.description }
}

struct PortRange: ExpressibleByArgument {
    let value: ClosedRange<UInt16>

    init?(argument: String) {
        let ends = argument.split(separator: "-").compactMap { UInt16($0) }
        guard ends.count == 2, ends[0] > 0, ends[0] < ends[1] else { return nil }
        value = ends[0]...ends[1]
    }

    init(_ value: ClosedRange<UInt16>) { self.value = value }

    var defaultValueDescription: String { "\(value.lowerBound)-\(value.upperBound)" }
}

/// Where everybody is: the same for every command. The media ports are apart, as PBX and proxy may share an address.
struct AddressOptions: ParsableArguments {
    @Option(help: "The proxy's inside door (IPv4).") var proxyInside = Address(0x7f00_0001, 5060)
    @Option(help: "The proxy's outside door.") var proxyOutside = Address(0x7f00_0002, 5060)
    @Option(help: "The SIP address of the generator's PBX, who calls.") var caller = Address(0x7f00_0001, 5080)
    @Option(help: "The SIP address of the generator's ITSP, who answers.") var answerer = Address(0x7f00_0003, 5080)
    @Option(help: "The generator's own media ports.") var ownMediaPorts = PortRange(40000...59999)
    @Option(help: "The media ports of a proxy that is spawned.") var proxyMediaPorts = PortRange(10000...39999)
}
