import Config
import NetworkTypes
import Testing

@Suite("Remote phones in the configuration")
struct RemotePhonesTests {
    private let machine = InterfaceTable([
        .init(name: "lan", address: ip("10.0.0.1"), prefixLength: 24),
        .init(name: "lan", address: ip("10.0.0.9"), prefixLength: 24),
        .init(name: "wan", address: ip("192.0.2.1"), prefixLength: 24),
    ])
    private static let head = "inside: 10.0.0.1\noutside: 192.0.2.1\npbx: sip:10.0.0.2\n"

    private func errors(_ yaml: String) throws -> String {
        var configuration = try read(yaml)
        do {
            _ = try configuration.validate(on: machine)
            return ""
        } catch {
            return error.description
        }
    }

    @Test("They are off unless they are let in, and then by Path")
    func defaults() throws {
        #expect(try read(Self.head).remotePhones == RemotePhonesConfiguration())
        let phones = try read(Self.head + "remote_phones: {enabled: yes, domains: PBX.Example}").remotePhones
        #expect(phones.isEnabled && phones.domains == ["pbx.example"] && phones.contact == .path)
        #expect(phones.inside == nil)
    }

    @Test("What is read comes back from the effective configuration")
    func effective() throws {
        let yaml =
            Self.head
            + "remote_phones: {enabled: yes, domains: [pbx.example, 192.0.2.1], inside: 10.0.0.9, contact: parameter}"
        let configuration = try read(yaml)
        #expect(try read(configuration.effectiveYAML).remotePhones == configuration.remotePhones)
        #expect(
            configuration.listeners(of: .inside).map(\.address.ip) == [
                ip("10.0.0.1"), ip("10.0.0.1"), ip("10.0.0.9"), ip("10.0.0.9"),
            ])
        #expect(try errors(yaml) == "")
        let off = try read(Self.head + "remote_phones: {inside: 10.0.0.9}")
        #expect(off.listeners(of: .inside).allSatisfy { $0.address.ip == ip("10.0.0.1") })
    }

    @Test(
        "What can't be is told with its place",
        arguments: [
            ("{enabled: yes}", "4:26: remote phones need domains: what a stranger may send REGISTER for"),
            (
                "{enabled: yes, domains: [a.example], inside: 10.0.0.7}",
                "4:61: 10.0.0.7 is on no interface of this machine"
            ),
            ("{enabled: yes, domains: [a.example], inside: 192.0.2.1}", "4:61: 192.0.2.1 is an outside address"),
            (
                "{enabled: yes, domains: [a.example], inside: 10.0.0.1}",
                "4:61: 10.0.0.1 is what the trunks' calls come from; give phones another inside address"
            ),
        ])
    func mistakes(yaml: String, complaint: String) throws {
        #expect(try errors(Self.head + "remote_phones: " + yaml) == "edge.yaml:" + complaint)
    }

    @Test("A word that is none is told when the file is read")
    func words() {
        #expect(complaints(Self.head + "remote_phones: {contact: user}").hasPrefix("edge.yaml:4:26: "))
        #expect(complaints(Self.head + "remote_phones: {domains: []}").hasPrefix("edge.yaml:4:26: "))
        #expect(complaints(Self.head + "remote_phones: {domain: a}").contains("did you mean 'domains'?"))
    }

    @Test("They need a PBX")
    func surroundings() throws {
        let phones = "remote_phones: {enabled: yes, domains: [a.example]}"
        #expect(
            try errors("inside: 10.0.0.1\noutside: 192.0.2.1\n" + phones)
                == "edge.yaml:3:26: remote phones need a 'pbx' to register at")
    }
}
