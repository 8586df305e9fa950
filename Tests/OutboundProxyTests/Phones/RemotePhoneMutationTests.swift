import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Messages of phones and of the PBX with octets changed: nothing traps, and nothing goes where it should not.
@Suite struct RemotePhoneMutationTests {
    private static let octets: [UInt8] = [0x00, 0x0a, 0x22, 0x2c, 0x3b, 0x3c, 0x3e, 0x40, 0x2a, 0x39, 0xff]

    @Test(arguments: [PhoneSettings.Contact.path, .parameter])
    func `a changed REGISTER or INVITE of a phone reaches the PBX or nobody (security 27)`(
        mode: PhoneSettings.Contact
    ) throws {
        let bench = PhoneBench(mode)
        bench.proxy.scansOutside = false
        let contact = "\"H\" <sip:home@10.0.0.2:5070;line=a>;reg-id=1;+sip.instance=\"<urn:uuid:1>\""
        try bench.registered(contact: contact)
        for text in [bench.register(contact: contact, extra: "Supported: gruu"), bench.request()] {
            for (message, _) in Self.mutations(of: wire(text)) {
                bench.proxy.core.receive(
                    message, from: Flow(listener: ListenerID(1), peer: PhoneBench.home), at: bench.proxy.now)
                for sent in bench.proxy.drain() {
                    #expect(sent.side == .inside ? sent.to == ProxyHarness.pbx : sent.to == PhoneBench.home)
                }
            }
            bench.proxy.advance(.seconds(40))
        }
    }

    @Test(arguments: [PhoneSettings.Contact.path, .parameter])
    func `a changed request of the PBX for a phone reaches that phone, or what its Request-URI names`(
        mode: PhoneSettings.Contact
    ) throws {
        let bench = PhoneBench(mode)
        bench.proxy.scansOutside = false
        let request = try bench.registered().request
        try bench.registered("desk", from: PhoneBench.desk)
        let text = bench.call(request, mode)
        let key = try #require(text.firstRange(of: "sp="))
        let token = text.utf8.distance(from: text.startIndex, to: key.upperBound)
        for (message, place) in Self.mutations(of: wire(text)) where (token..<(token + 20)).contains(place - 1) {
            for sent in bench.proxy.receive(message, on: .inside) where sent.side == .outside {
                #expect(sent.to != PhoneBench.desk)
            }
        }
    }

    @Test func `a changed response of the registrar makes no binding but the one that was asked for`() throws {
        let bench = PhoneBench(.parameter)
        bench.proxy.scansOutside = false
        let path = "Path: <sip:192.168.0.1;lr>, <sip:p.example>"
        for number in stride(from: 0, to: 2_000, by: 7) {
            let request = try #require(bench.receive(bench.register(), from: PhoneBench.home).first)
            let listed = "\(request.header(.contact));expires=60, \"x\" <sip:a@192.168.0.7>, *"
            let text = CallTexts.response(200, "OK", to: request, tag: "t", contact: listed, extra: path)
            var message = wire(text)
            let place = number % message.count
            message[place] = Self.octets[number % Self.octets.count]
            _ = bench.proxy.receive(message, on: .inside)
            bench.proxy.advance(.seconds(40))
        }
        #expect(bench.proxy.core.phoneBindings.count <= 1)
    }

    /// Each octet replaced in turn by one of several, and the message cut off there.
    private static func mutations(of message: [UInt8]) -> [(message: [UInt8], place: Int)] {
        message.indices.flatMap { place -> [(message: [UInt8], place: Int)] in
            var changed = message
            changed[place] = octets[place % octets.count]
            return [(changed, place), (Array(message[..<place]), place)]
        }
    }
}
