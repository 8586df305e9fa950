import NetworkTypes
import SIP

@testable import OutboundProxy

/// Fifty trunks of every kind, and what is to become of a call of each.
struct InboundStorm {
    /// What an ITSP does with the Contact that it knows.
    enum Habit: CaseIterable {
        /// It calls the Contact.
        case keeps
        /// It adds parameters before and behind ours.
        case reorders
        /// It takes all parameters away, and knows the token by the user.
        case stripsUser
        /// It takes all parameters away, and has our Path.
        case stripsPath
        /// It takes all parameters away, and calls the account.
        case stripsAccount
        /// It takes all parameters away, and calls the Contact's user; To names the account.
        case stripsContact
        /// It has no registration of ours: it calls a number from its networks.
        case gateway
    }

    struct Trunk {
        let name: String
        let settings: TrunkSettings?
        let habit: Habit
        let domain: String
        let account: String
        let contactUser: String
        let pbx: SocketAddress
        let source: SocketAddress
        /// What our Contact is outside, and our Path; empty for a gateway.
        var contact = ""
        var path = ""

        var original: String { "sip:\(contactUser)@\(pbx);line=\(name)" }
    }

    static let pbxs = (0..<5).map { ProxyHarness.address("192.168.0.\(20 + $0):5060") }

    private(set) var trunks: [Trunk] = []
    private let proxy: ProxyHarness
    private var random = SeededGenerator(seed: 50)
    private var serial = 0
    private(set) var failures: [String] = []

    init(count: Int) {
        trunks = (0..<count).map(Self.trunk)
        proxy = ProxyHarness(
            pbxs: [PBXSettings(host: "192.168.0.99")], trunks: trunks.compactMap(\.settings)
        ) { $0.strangerRate = 1_000_000 }
        for index in trunks.indices where trunks[index].habit != .gateway { register(index) }
    }

    /// Trunks come in pairs at one address, some at one domain; every third one is learned.
    private static func trunk(_ index: Int) -> Trunk {
        let habits: [Habit] = [
            .keeps, .stripsUser, .reorders, .stripsPath, .keeps, .stripsAccount, .reorders, .gateway, .keeps,
            .stripsContact,
        ]
        let habit = habits[index % habits.count]
        let pair = index / 2
        let pbx = pbxs[(index * 7) % pbxs.count]
        let address = "198.51.100.\(10 + pair)"
        // The pairs that share a domain are told apart by their users.
        let sharesDomain = pair.isMultiple(of: 2)
        let domain = sharesDomain ? address : "itsp\(index).example"
        let account = "\(1000 + index)"
        let isLearned = index % 3 == 2 && [.keeps, .reorders, .stripsAccount].contains(habit)
        let mode: ContactMode = habit == .stripsUser ? .user : habit == .stripsPath ? .path : .parameter
        let settings = TrunkSettings(
            name: "trunk-\(index)", domain: domain, user: sharesDomain || habit == .gateway ? account : nil,
            networks: [IPNetwork("\(address)/32")].compactMap { $0 },
            pbxs: habit == .gateway ? [PBXSettings(host: "\(pbx.ip)")] : [], contact: mode)
        return Trunk(
            name: isLearned ? domain : "trunk-\(index)", settings: isLearned ? nil : settings, habit: habit,
            domain: domain, account: account, contactUser: pair % 3 == 0 ? "s" : "gw\(index)", pbx: pbx,
            source: ProxyHarness.address("\(address):5060"))
    }

    // MARK: Registering

    private mutating func register(_ index: Int) {
        let trunk = trunks[index]
        let text = CallTexts.register(
            contact: "<\(trunk.original)>", expires: 7200, branch: "z9hG4bKr\(index)", user: trunk.account,
            registrar: trunk.domain, callID: "reg-\(index)"
        ).replacing("Max-Forwards", with: "Supported: path\nMax-Forwards")
        var sent = proxy.receive(text, on: .inside, from: trunk.pbx)
        if sent.isEmpty { sent = proxy.resolve(trunk.domain, ["\(trunk.source.ip)"]) }
        guard let request = sent.first, request.method == .register else {
            failures.append("\(trunk.name) can't register")
            return
        }
        trunks[index].contact = request.uri(.contact)
        trunks[index].path = request.header(.path)
        let listed = trunk.habit == .keeps || trunk.habit == .reorders || trunk.habit == .stripsUser
        let contact = listed ? request.uri(.contact) : String(request.uri(.contact).prefix { $0 != ";" })
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: "<\(contact)>;expires=7200")
        let back = proxy.receive(ok, on: .outside, from: trunk.source)
        if back.first?.uri(.contact) != trunk.original {
            failures.append("\(trunk.name) got \(back.first?.text ?? "nothing")")
        }
    }

    // MARK: Calling

    /// One call of a trunk, checked.
    mutating func call() {
        serial += 1
        let trunk = trunks[Int.random(in: trunks.indices, using: &random)]
        let did = "+1800\(Int.random(in: 1_000_000...9_999_999, using: &random))"
        let wantsDID = Bool.random(using: &random)
        let bare = String(trunk.contact.prefix { $0 != ";" })
        var (uri, to) = (trunk.contact, "sip:\(did)@\(trunk.domain)")
        var wanted = trunk.original
        switch trunk.habit {
        case .keeps: break
        case .reorders:
            uri = uri.replacing(";sp=", with: ";user=phone;sp=") + ";npdi;tgrp=x"
            wanted += ";user=phone;npdi;tgrp=x"
        case .stripsUser, .stripsPath: uri = bare
        case .stripsAccount: (uri, wanted) = (replaceUser(bare, trunk.account), replaceUser(wanted, trunk.account))
        case .stripsContact: (uri, to) = (bare, "sip:\(trunk.account)@\(trunk.domain)")
        case .gateway:
            uri = "sip:\(did)@203.0.113.1"
            to = "sip:\(trunk.account)@\(trunk.domain)"
            wanted = "sip:\(did)@\(trunk.pbx.ip)"
        }
        if wantsDID, [.keeps, .reorders, .stripsPath].contains(trunk.habit) {
            (uri, wanted) = (replaceUser(uri, did), replaceUser(wanted, did))
        }
        // A request with a token may come from anywhere.
        let hasToken = ![.stripsAccount, .stripsContact, .gateway].contains(trunk.habit)
        let source = hasToken && serial.isMultiple(of: 5) ? ProxyHarness.stranger : trunk.source
        let route = trunk.habit == .stripsPath ? "Route: \(trunk.path)\r\n" : ""
        expect(wanted, trunk, invite(uri, to: to, route: route), from: source)
        if serial.isMultiple(of: 500) { proxy.advance(.seconds(33)) }
    }

    private func replaceUser(_ uri: String, _ user: String) -> String {
        "sip:\(user)\(uri[(uri.firstIndex(of: "@") ?? uri.startIndex)...])"
    }

    private func invite(_ uri: String, to: String, route: String) -> String {
        """
        INVITE \(uri) SIP/2.0\r
        Via: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bKi\(serial)\r
        \(route)From: <sip:5551234@192.0.2.5>;tag=i\r
        To: <\(to)>\r
        Call-ID: inv-\(serial)\r
        CSeq: 1 INVITE\r
        Contact: <sip:5551234@192.0.2.5>\r
        X-Sallyport-Trunk: trunk-\(serial % 50)\r
        Max-Forwards: 70\r
        Content-Length: 0\r
        \r

        """
    }

    private mutating func expect(_ wanted: String, _ trunk: Trunk, _ text: String, from source: SocketAddress) {
        let sent = proxy.receive(Array(text.utf8), on: .outside, from: source)
        let invite = sent.first { $0.side == .inside }
        let isRight =
            invite?.to == trunk.pbx && invite?.requestURI == wanted
            && invite?.values(.sallyportTrunk) == [trunk.name]
        if !isRight, failures.count < 5 {
            failures.append("\(trunk.name), \(trunk.habit), \(wanted)\n\(text)\n\(sent.first?.text ?? "nothing")")
        }
        proxy.receive(Array(text.replacing("INVITE", with: "CANCEL").utf8), on: .outside, from: source)
    }
}
