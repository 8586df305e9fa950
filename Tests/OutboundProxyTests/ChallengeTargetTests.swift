import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A retried request with credentials goes to the target that challenged it (design §5).
@Suite struct ChallengeTargetTests {
    let proxy = ProxyHarness()

    @Test(arguments: [(401, "Authorization"), (407, "Proxy-Authorization")])
    func `the credentials go to the target that asked for them, though DNS prefers another`(
        status: Int, field: String
    ) throws {
        for (number, method) in ["REGISTER", "INVITE"].enumerated() {
            let proxy = ProxyHarness()
            func text(_ try_: Int, _ extra: String) -> String {
                method == "REGISTER"
                    ? Targets.register(try_, extra: extra)
                    : Targets.invite(10 * number + try_, extra: extra, callID: "same")
            }
            let first = try #require(proxy.send(text(1, "")).first)
            let second = try #require(proxy.refuse(first).last)
            #expect(second.target == Targets.second)
            #expect(proxy.answer(status, to: second).inside.statuses == [status])
            proxy.core.apply(.health(Targets.first, .up))
            #expect(proxy.send(text(2, "\(field): Digest nonce=\"b\"")).targets == [Targets.second])
            proxy.advance(.seconds(2))
            #expect(proxy.send(text(3, "")).outside.first?.target == Targets.first)
        }
    }

    @Test func `the challenger gets them though it owes an answer to somebody else`() throws {
        #expect(proxy.send(Targets.invite(7)).targets == [Targets.first])
        proxy.advance(.milliseconds(400))
        let first = try #require(proxy.send(Targets.register(1)).first)
        #expect(proxy.answer(401, to: first).statuses == [401])
        proxy.advance(.milliseconds(100))
        #expect(proxy.send(Targets.invite(8)).targets == [Targets.second])
        #expect(proxy.send(Targets.register(2, extra: "Authorization: Digest nonce=\"a\"")).targets == [Targets.first])
    }

    @Test func `when the challenger has gone another target has to ask again`() throws {
        let first = try #require(proxy.send(Targets.register(1)).first)
        #expect(proxy.answer(401, to: first).statuses == [401])
        let second = try #require(proxy.send(Targets.register(2, extra: "Authorization: Digest nonce=\"a\"")).first)
        #expect(second.target == Targets.first)
        let third = try #require(proxy.refuse(second).last)
        #expect(third.target == Targets.second && proxy.answer(401, to: third).statuses == [401])
        let fourth = proxy.send(Targets.register(3, extra: "Authorization: Digest nonce=\"b\""))
        #expect(fourth.targets == [Targets.second])
    }

    /// Each node knows only nonces of its own, and half of the requests are drawn for each.
    @Test func `two nodes behind one SRV name that share no nonces: every challenged request succeeds`() throws {
        let nodes = Location.targets([Targets.first, Targets.second].map { LocatedTarget($0, rank: 0, weight: 50) })
        var firsts: Set<Target> = []
        for number in 0..<100 {
            for method in ["REGISTER", "INVITE"] {
                func text(_ try_: Int, _ extra: String) -> String {
                    method == "REGISTER"
                        ? Targets.register(try_, extra: extra, user: "u\(number)").replacing(
                            "Call-ID: reg", with: "Call-ID: reg\(number)"
                        ).replacing("z9hG4bKr", with: "z9hG4bKr\(number)-")
                        : Targets.invite(1000 * try_ + number, extra: extra, callID: "call\(number)")
                }
                let challenged = try #require(proxy.send(text(1, ""), nodes).first)
                firsts.insert(challenged.target)
                #expect(proxy.answer(401, to: challenged).inside.statuses == [401])
                proxy.advance(.milliseconds(1500))
                let nonce = "Authorization: Digest nonce=\"\(challenged.target)\""
                let again = try #require(proxy.send(text(2, nonce), nodes).outside.first { $0.text.contains(nonce) })
                #expect(again.text.contains("nonce=\"\(again.target)\""))
                let contact = method == "REGISTER" ? "Contact: \(again.header(.contact));expires=60" : ""
                #expect(proxy.answer(200, to: again, extra: contact).inside.statuses == [200])
            }
        }
        #expect(firsts == [Targets.first, Targets.second])
    }

    @Test func `what is remembered is bounded, and forgotten`() {
        var memory = ChallengeMemory()
        for callID in 0..<20_000 as Range<UInt64> {
            memory.note(Targets.first, callID: callID, method: .invite, at: .zero)
        }
        #expect(memory.challenger(callID: 9_999, method: .invite, at: .zero) == Targets.first)
        #expect(memory.challenger(callID: 9_999, method: .register, at: .zero) == nil)
        #expect(memory.challenger(callID: 10_000, method: .invite, at: .zero) == nil)
        #expect(memory.challenger(callID: 1, method: .invite, at: .zero + .seconds(3600)) == nil)
        memory.sweep(at: .zero + .seconds(3600))
        memory.note(Targets.first, callID: 10_000, method: .invite, at: .zero)
        #expect(memory.challenger(callID: 10_000, method: .invite, at: .zero) == Targets.first)
    }
}
