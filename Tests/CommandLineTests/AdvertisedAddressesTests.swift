import Config
import NetworkTypes
import OutboundProxy
import Testing

@testable import sallyport

@Suite struct AdvertisedAddressesTests {
    private func addresses(_ texts: String...) -> [IPAddress] { texts.compactMap { IPAddress($0) } }

    private func configuration() throws -> Configuration {
        var configuration = Configuration(
            inside: try #require(IPAddress("192.168.0.1")), outside: try #require(IPAddress("172.16.0.2")))
        configuration.inside.networks = [try #require(IPNetwork("192.168.0.0/24"))]
        return configuration
    }

    @Test func `one of each family is told, and only when it is new`() throws {
        var advertised = AdvertisedAddresses(families: [.v4, .v6])
        let can = try configuration().canAdvertise
        let both = addresses("2001:db8::9", "198.51.100.9", "198.51.100.10")
        #expect(advertised.choose(from: both, where: can) == addresses("198.51.100.9", "2001:db8::9"))
        #expect(advertised.choose(from: both.reversed(), where: can) == nil)
        #expect(advertised.choose(from: [], where: can) == nil)
        let one = addresses("198.51.100.10")
        #expect(advertised.choose(from: one, where: can) == one)
    }

    @Test func `families that the file has an address for are not asked of the name`() throws {
        var advertised = AdvertisedAddresses(families: [.v4])
        let can = try configuration().canAdvertise
        let chosen = advertised.choose(from: addresses("2001:db8::9", "::ffff:198.51.100.9"), where: can)
        #expect(chosen == addresses("198.51.100.9"))
        #expect(advertised.choose(from: addresses("2001:db8::9"), where: can) == nil)
    }

    @Test(arguments: [
        "192.168.0.1", "192.168.0.77", "127.0.0.1", "0.0.0.0", "224.0.0.1", "169.254.1.1", "::1", "fe80::1",
    ])
    func `what nobody outside could reach is never told`(address: String) throws {
        var advertised = AdvertisedAddresses(families: [.v4, .v6])
        let can = try configuration().canAdvertise
        #expect(advertised.choose(from: addresses(address), where: can) == nil)
        let good = addresses(address, "198.51.100.9")
        #expect(advertised.choose(from: good, where: can) == addresses("198.51.100.9"))
    }

    @Test func `listeners that share a socket come last and name it, and the rest have one each`() throws {
        var configuration = try configuration()
        configuration.outside.addresses = configuration.inside.addresses + [try #require(IPAddress("172.16.0.2"))]
        configuration.inside.listen = [ListenerConfiguration(.udp)]
        configuration.outside.listen = [ListenerConfiguration(.udp), ListenerConfiguration(.udp, port: 5080)]
        configuration.outside.advertise = [.address(try #require(IPAddress("198.51.100.9")))]
        let settings = configuration.proxySettings(calls: 1)
        #expect(settings.listeners.map(\.id.index) == [0, 1, 2, 3, 4, 5, 6])
        #expect(settings.listeners.map(\.side) == [.inside] + Array(repeating: .outside, count: 6))
        #expect(settings.listeners.map(\.socket.index) == [0, 1, 2, 3, 4, 5, 0])
        #expect(settings.sockets == Array(settings.listeners.prefix(6)))
        #expect(
            settings.listeners.map(\.advertised.description) == [
                "192.168.0.1:5060", "198.51.100.9:5080", "198.51.100.9:5060", "198.51.100.9:5080", "198.51.100.9:5061",
                "198.51.100.9:5061", "198.51.100.9:5060",
            ])
        // Those by which we only connect: TLS without a certificate.
        #expect(settings.listeners.map(\.isOpen) == [true, true, true, true, false, false, true])
        #expect(settings.listeners.allSatisfy { $0.isAnnounced })
        configuration.outside.advertise = [.name("edge.example.org")]
        #expect(
            configuration.proxySettings(calls: 1).listeners.map(\.isAnnounced) == [true]
                + Array(repeating: false, count: 6))
    }
}
