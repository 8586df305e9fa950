import Config
import NetworkTypes
import OutboundProxy
import Testing

@testable import sallyport

@Suite struct ListenerDeviceTests {
    private func devices(_ interfaces: [(String, String)], inside: String, outside: String) throws -> [String?] {
        let table = InterfaceTable(
            try interfaces.map {
                InterfaceTable.Entry(name: $0.0, address: try #require(IPAddress($0.1)), prefixLength: 24)
            })
        let configuration = Configuration(
            inside: try #require(IPAddress(inside)), outside: try #require(IPAddress(outside)))
        return configuration.devices(of: configuration.proxySettings(calls: 1).listeners, on: table)
    }

    @Test func `sides on different interfaces are tied to them (security 26)`() throws {
        let two = [("eth0", "192.168.0.1"), ("eth1", "203.0.113.1")]
        #expect(
            try devices(two, inside: "192.168.0.1", outside: "203.0.113.1") == ["eth0", "eth0", "eth1", "eth1", "eth1"])
    }

    @Test func `a one-armed host and loopback are not tied`() throws {
        let one = [("eth0", "192.168.0.1"), ("eth0", "192.168.0.2")]
        #expect(try devices(one, inside: "192.168.0.1", outside: "192.168.0.2") == [nil, nil, nil, nil, nil])
        let loopback = [("eth0", "192.168.0.1"), ("lo", "203.0.113.1")]
        #expect(
            try devices(loopback, inside: "192.168.0.1", outside: "203.0.113.1") == ["eth0", "eth0", nil, nil, nil])
    }
}
