import Config
import NetworkTypes
import TLS
import Testing

@Suite("Reading a configuration")
struct ConfigurationYAMLTests {
    @Test("The two-line file is complete")
    func twoLines() throws {
        let configuration = try read("inside: 192.168.0.1\noutside: 203.0.113.1\n")
        #expect(configuration.inside.addresses == [ip("192.168.0.1")])
        #expect(configuration.outside.addresses == [ip("203.0.113.1")])
        #expect(configuration.inside.listen == [ListenerConfiguration(.udp), ListenerConfiguration(.tcp, port: 5060)])
        #expect(configuration.pbx.isEmpty && configuration.trunks.isEmpty)
        #expect(configuration.state == "/var/lib/sallyport")
    }

    @Test("Config/minimal.yaml says what the two-address command line says")
    func minimalFile() throws {
        let file = try Configuration(contentsOf: ConfigFiles.path("minimal.yaml"))
        let line = Configuration(inside: ip("192.168.0.1"), outside: ip("203.0.113.1"))
        #expect(file.effectiveYAML == line.effectiveYAML)
    }

    @Test("Config/sallyport.yaml loads, and its sections hold the defaults it claims")
    func annotatedFile() throws {
        let file = try Configuration(contentsOf: ConfigFiles.path("sallyport.yaml"))
        let defaults = Configuration(inside: ip("192.168.0.1"), outside: ip("203.0.113.1"))
        #expect(file.inside.addresses == [ip("192.168.0.1"), ip("fd00::1")])
        #expect(file.inside.networks == [IPNetwork("192.168.0.0/24"), IPNetwork("fd00::/64")])
        #expect(file.inside.listen == defaults.inside.listen + [ListenerConfiguration(.tls)])
        #expect(file.outside.listen == defaults.outside.listen + [ListenerConfiguration(.tls)])
        #expect(
            file.tls
                == TLSSettings(certificate: "/etc/sallyport/edge.pem", key: "/etc/sallyport/edge.key"))
        #expect(file.media == defaults.media)
        #expect(file.limits == defaults.limits)
        #expect(file.emergency == defaults.emergency)
        #expect(file.dscp == defaults.dscp)
        #expect(file.admin == defaults.admin)
        #expect(file.log == defaults.log)
        #expect(file.state == defaults.state)
        var trunk = TrunkConfiguration(name: "myitsp", domain: "my.itsp.com")
        trunk.user = "account1"
        trunk.networks = [try #require(IPNetwork("198.51.100.0/24"))]
        trunk.pbx = [SIPTarget(host: .address(ip("192.168.0.3")))]
        trunk.sourcePort = 5080
        trunk.tls.authorities = .file("/etc/sallyport/itsp.pem")
        (trunk.tls.certificate, trunk.tls.key) = ("/etc/sallyport/me.pem", "/etc/sallyport/me.key")
        trunk.tls.verifies = true
        trunk.qualify = .seconds(30)
        trunk.fromDomain = "my.itsp.com"
        (trunk.maxCalls, trunk.callsPerSecond, trunk.minutesPerDay) = (30, 5, 2000)
        #expect(file.trunks == [trunk])
    }

    @Test("Every value that can be said is read")
    func everyValue() throws {
        let configuration = try read(
            """
            inside: {addresses: [10.0.0.1, "fd00::1"], listen: [udp, "udp:5070", "TCP:5071"], networks: [10.0.0.9/8], srtp: optional, keying: dtls}
            outside: {addresses: 203.0.113.1, listen: udp:5080}
            pbx: [sip:10.0.0.2, "sip:[fd00::2]:5062;transport=udp", "SIP:pbx.Example.org:5061"]
            trunks:
              - {name: a, domain: A.example, nat: yes, trust_udp: no, media_networks: [192.0.2.0/24], pbx: sip:10.0.0.3}
              - {name: c, domain: c.example, hide: yes, hide_call_id: auto, identity: keep, overload_control: yes}
              - {name: d, domain: d.example, hide: on, hide_call_id: yes, from_domain: D.example, identity: remove}
              - {name: b, domain: 192.0.2.7, user: "1000", transport: udp, contact: parameter, hide: no,
                 hide_call_id: no, identity: keep, redirects: pass, srtp: required, keying: DTLS, overload_control: no}
            media: {ports: 30000-30101, timeout: 90s, workers: 3, allow: [127.0.0.0/8], direct_media: yes}
            remote_phones: {enabled: yes, domains: [Phones.example, 203.0.113.1], inside: 10.0.0.9, contact: parameter, srtp: no, keying: dtls}
            limits: {calls: 250, call_duration: 2h, per_source: none, connections: 50, connections_per_source: 3}
            dscp: {sip: AF31, rtp: 40}
            state: /tmp/state
            admin: {listen: "[::1]:9000"}
            log: {level: debug, format: json, calls: calls.json}
            """)
        #expect(configuration.inside.networks.map(\.description) == ["10.0.0.0/8"])
        #expect(
            configuration.listeners(of: .inside).map(\.address.description) == [
                "10.0.0.1:5060", "10.0.0.1:5070", "10.0.0.1:5071", "[fd00::1]:5060", "[fd00::1]:5070", "[fd00::1]:5071",
                "10.0.0.9:5060", "10.0.0.9:5070", "10.0.0.9:5071",
            ])
        #expect(configuration.listeners(of: .outside).map(\.address.description) == ["203.0.113.1:5080"])
        #expect(
            configuration.pbx.map(\.description) == [
                "sip:10.0.0.2", "sip:[fd00::2]:5062", "sip:pbx.example.org:5061",
            ])
        #expect(configuration.trunk(named: "a")?.isBehindNAT == true)
        #expect(configuration.trunk(named: "a")?.trustsUDP == false)
        #expect(configuration.trunk(named: "a")?.domain == "a.example")
        #expect(configuration.trunk(named: "b")?.user == "1000")
        let (b, c, d) = (
            configuration.trunk(named: "b"), configuration.trunk(named: "c"), configuration.trunk(named: "d")
        )
        #expect(b?.hidesTopology == false && c?.hidesTopology == true && d?.hidesTopology == true)
        #expect(b?.keying == .dtls && c?.keying == .sdes)
        #expect(configuration.inside.keying == .dtls && configuration.remotePhones.keying == .dtls)
        #expect(b?.hideCallID == .no && c?.hideCallID == .auto && d?.hideCallID == .yes)
        #expect(c?.identity == .keep && d?.identity == .remove && d?.fromDomain == "d.example" && c?.fromDomain == nil)
        #expect(b?.hasOverloadControl == false && c?.hasOverloadControl == true && d?.hasOverloadControl == false)
        #expect(configuration.media.ports == 30000...30101)
        #expect(configuration.media.timeout == .seconds(90))
        #expect(configuration.media.workers == .exactly(3))
        #expect(configuration.limits.calls == .exactly(250))
        #expect(configuration.limits.callDuration == .seconds(7200))
        #expect(configuration.limits.perSource == nil)
        #expect(configuration.limits.connections == 50 && configuration.limits.connectionsPerSource == 3)
        #expect(configuration.dscp.sip == 26 && configuration.dscp.rtp == 40)
        #expect(configuration.admin.listen.description == "[::1]:9000")
        #expect(configuration.log.level == .debug && configuration.log.format == .json)
        let again = try read(configuration.effectiveYAML)
        #expect(again.effectiveYAML == configuration.effectiveYAML)
        #expect(again.inside == configuration.inside && again.limits == configuration.limits)
        #expect(again.trunks == configuration.trunks && again.pbx == configuration.pbx)
    }

    @Test(
        "Durations carry units",
        arguments: [
            ("60s", Duration.seconds(60)), ("5m", .seconds(300)), ("12h", .seconds(43200)), ("1d", .seconds(86400)),
            ("5500ms", .milliseconds(5500)),
        ])
    func durations(text: String, duration: Duration) throws {
        #expect(try read("inside: 10.0.0.1\noutside: 192.0.2.1\nmedia: {timeout: \(text)}").media.timeout == duration)
    }

    @Test(
        "Code points have names",
        arguments: [("CS0", 0), ("cs7", 56), ("AF11", 10), ("AF43", 38), ("EF", 46), ("7", 7)]
    )
    func codePoints(text: String, value: Int) throws {
        #expect(try read("inside: 10.0.0.1\noutside: 192.0.2.1\ndscp: {rtp: \(text)}").dscp.rtp == UInt8(value))
    }

    @Test("The lab's file without TLS and phones loads")
    func labFile() throws {
        let configuration = try read(
            """
            inside:
              addresses: [192.168.0.1, "fd00::1"]
            outside:
              addresses: [203.0.113.1, "2001:db8::1"]
            pbx: ["sip:192.168.0.2:5060"]
            media: {ports: 20000-20999}
            state: /tmp/lab/state
            admin: {listen: "127.0.0.1:9060"}
            """)
        #expect(configuration.media.ports == 20000...20999)
    }

    @Test("Comments, Windows line ends and a byte order mark are no trouble")
    func oddText() throws {
        let text = "\u{feff}# *a &b !c\r\ninside: 10.0.0.1 # *not an alias*\r\n\r\noutside: 192.0.2.1\r\n"
        #expect(try read(text).outside.addresses == [ip("192.0.2.1")])
    }
}
