"""What people and businesses write, in the languages of the world.

Texts of templates carry `{name}` at most once and then `{tail}`: a link, an order number or a code.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Archetype:
    """A kind of template that every business has in its own language."""

    name: str
    category: str
    has_link: bool
    weight: float
    texts: dict[str, str]


ARCHETYPES = (
    Archetype(
        "seasonal_sale",
        "marketing",
        True,
        3.0,
        {
            "de": "Hallo {name}, unser Frühlingsverkauf läuft: bis zu 30 % auf alles. Hier entlang: {tail}",
            "en": "Hi {name}, our spring sale is on: up to 30% off everything. Have a look: {tail}",
            "pt_BR": "Oi {name}, nossa promoção de outono começou: até 30% de desconto. Confira: {tail}",
            "es": "Hola {name}, empezaron las rebajas de primavera: hasta 30% de descuento. Mira: {tail}",
            "hi": "नमस्ते {name}, हमारी सेल शुरू हो गई है: 30% तक की छूट। यहाँ देखें: {tail}",
            "zh": "您好 {name}，春季促销已开始，全场最高七折。点击查看：{tail}",
        },
    ),
    Archetype(
        "new_collection",
        "marketing",
        True,
        2.0,
        {
            "de": "{name}, die neue Kollektion ist da. Sichere dir deine Lieblingsstücke: {tail}",
            "en": "{name}, the new collection has arrived. See what is new: {tail}",
            "pt_BR": "{name}, a nova coleção chegou. Veja as novidades: {tail}",
            "es": "{name}, llegó la nueva colección. Descubre las novedades: {tail}",
            "hi": "{name}, नया कलेक्शन आ गया है। अभी देखें: {tail}",
            "zh": "{name}，新品已上架，欢迎选购：{tail}",
        },
    ),
    Archetype(
        "event_invitation",
        "marketing",
        True,
        1.0,
        {
            "de": "Liebe/r {name}, wir laden dich zu unserem Aktionstag am Samstag ein. Anmelden: {tail}",
            "en": "Dear {name}, you are invited to our open day on Saturday. Save your place: {tail}",
            "pt_BR": "Olá {name}, você está convidado para o nosso evento no sábado. Inscreva-se: {tail}",
            "es": "Hola {name}, te invitamos a nuestro evento del sábado. Reserva tu lugar: {tail}",
            "hi": "प्रिय {name}, शनिवार को हमारे कार्यक्रम में आपका स्वागत है। पंजीकरण: {tail}",
            "zh": "尊敬的 {name}，诚邀您参加周六的活动，报名：{tail}",
        },
    ),
    Archetype(
        "win_back",
        "marketing",
        True,
        1.0,
        {
            "de": "Wir vermissen dich, {name}! Als Dankeschön schenken wir dir 10 Euro: {tail}",
            "en": "We miss you, {name}! Come back and enjoy 10 off your next order: {tail}",
            "pt_BR": "Sentimos sua falta, {name}! Volte e ganhe R$ 10 no próximo pedido: {tail}",
            "es": "¡Te extrañamos, {name}! Vuelve y recibe 10 de descuento: {tail}",
            "hi": "{name}, हमें आपकी याद आती है! अगले ऑर्डर पर ₹100 की छूट पाएं: {tail}",
            "zh": "{name}，好久不见！下次购物立减 10 元：{tail}",
        },
    ),
    Archetype(
        "loyalty_points",
        "marketing",
        True,
        1.0,
        {
            "de": "{name}, deine Treuepunkte verfallen bald. Jetzt einlösen: {tail}",
            "en": "{name}, your loyalty points expire soon. Redeem them here: {tail}",
            "pt_BR": "{name}, seus pontos vão expirar em breve. Resgate agora: {tail}",
            "es": "{name}, tus puntos vencen pronto. Canjéalos aquí: {tail}",
            "hi": "{name}, आपके पॉइंट्स जल्द समाप्त होंगे। अभी भुनाएं: {tail}",
            "zh": "{name}，您的积分即将过期，立即兑换：{tail}",
        },
    ),
    Archetype(
        "order_update",
        "utility",
        True,
        3.0,
        {
            "de": "Hallo {name}, deine Bestellung ist unterwegs. Sendung verfolgen: {tail}",
            "en": "Hi {name}, your order is on its way. Track it here: {tail}",
            "pt_BR": "Oi {name}, seu pedido está a caminho. Acompanhe: {tail}",
            "es": "Hola {name}, tu pedido está en camino. Síguelo aquí: {tail}",
            "hi": "नमस्ते {name}, आपका ऑर्डर रास्ते में है। ट्रैक करें: {tail}",
            "zh": "{name}，您的订单已发货，查看物流：{tail}",
        },
    ),
    Archetype(
        "appointment_reminder",
        "utility",
        False,
        2.0,
        {
            "de": "Guten Tag {name}, wir erinnern an Ihren Termin morgen. Referenz {tail}",
            "en": "Hello {name}, this is a reminder of your appointment tomorrow. Reference {tail}",
            "pt_BR": "Olá {name}, lembramos do seu horário amanhã. Referência {tail}",
            "es": "Hola {name}, te recordamos tu cita de mañana. Referencia {tail}",
            "hi": "नमस्ते {name}, कल आपकी अपॉइंटमेंट है। संदर्भ {tail}",
            "zh": "{name}，提醒您明天的预约，编号 {tail}",
        },
    ),
    Archetype(
        "login_code",
        "authentication",
        False,
        1.5,
        {
            "de": "Dein Sicherheitscode lautet {tail}. Gib ihn niemandem weiter.",
            "en": "Your security code is {tail}. Do not share it with anyone.",
            "pt_BR": "Seu código de segurança é {tail}. Não compartilhe com ninguém.",
            "es": "Tu código de seguridad es {tail}. No lo compartas con nadie.",
            "hi": "आपका सुरक्षा कोड {tail} है। इसे किसी से साझा न करें।",
            "zh": "您的验证码是 {tail}，请勿告知他人。",
        },
    ),
)

MARKETING = tuple(i for i, a in enumerate(ARCHETYPES) if a.category == "marketing")
SERVICE = tuple(i for i, a in enumerate(ARCHETYPES) if a.category != "marketing")

REPLIES: dict[str, tuple[str, ...]] = {
    "de": (
        "Danke für die Info!",
        "Bis wann gilt das Angebot?",
        "Habt ihr das auch in Größe M?",
        "Ich komme gerne vorbei",
        "Wann habt ihr geöffnet?",
        "Kann ich den Termin verschieben?",
        "Super 👍",
        "Meine neue Adresse ist Lindenweg 7, bitte ändern",
        "Ruft mich bitte zurück unter 0171 3920017",
        "Wo bleibt mein Paket?",
    ),
    "en": (
        "Thanks for letting me know!",
        "How long is the offer valid?",
        "Do you have this in medium?",
        "I will come by on Saturday",
        "What are your opening hours?",
        "Can I move my appointment to Friday?",
        "Great 👍",
        "Please send the invoice to jo.bloggs@example.com",
        "Call me back on 202-555-0143 please",
        "Where is my parcel?",
    ),
    "pt_BR": (
        "Obrigada pela informação!",
        "Até quando vale a promoção?",
        "Tem no tamanho M?",
        "Vou passar aí no sábado",
        "Qual o horário de funcionamento?",
        "Posso remarcar para sexta?",
        "Adorei 😍",
        "Meu novo endereço é Rua das Flores, 100",
        "Cadê meu pedido?",
        "Quero dois, por favor",
    ),
    "es": (
        "¡Gracias por avisar!",
        "¿Hasta cuándo vale la oferta?",
        "¿Lo tienen en talla M?",
        "Voy el sábado",
        "¿A qué hora abren?",
        "¿Puedo cambiar mi cita?",
        "Perfecto 👍",
        "¿Dónde está mi paquete?",
    ),
    "hi": (
        "धन्यवाद!",
        "ऑफर कब तक है?",
        "क्या यह M साइज में है?",
        "मैं शनिवार को आऊंगा",
        "दुकान कब खुलती है?",
        "मेरा पार्सल कहाँ है?",
        "ठीक है 👍",
    ),
    "zh": ("谢谢！", "优惠到什么时候？", "有中码吗？", "周六我会来", "营业时间是？", "我的包裹在哪里？"),
}

OPT_OUTS: dict[str, tuple[str, ...]] = {
    "de": ("STOPP", "Stop", "Bitte abmelden", "Keine Nachrichten mehr bitte"),
    "en": ("STOP", "Unsubscribe", "stop please", "Please remove me from your list"),
    "pt_BR": ("SAIR", "PARAR", "Não quero mais receber"),
    "es": ("BAJA", "ALTO", "No quiero más mensajes"),
    "hi": ("STOP", "बंद करें"),
    "zh": ("退订", "STOP"),
}

BUTTONS: dict[str, tuple[str, str, str]] = {
    # yes, no, no more messages
    "de": ("Ja, gerne", "Nein danke", "Nachrichten abbestellen"),
    "en": ("Yes please", "No thanks", "Stop promotions"),
    "pt_BR": ("Sim, por favor", "Não, obrigado", "Parar promoções"),
    "es": ("Sí, por favor", "No, gracias", "Detener promociones"),
    "hi": ("हाँ", "नहीं", "प्रमोशन बंद करें"),
    "zh": ("好的", "不用了", "停止推广"),
}

REACTIONS = ("👍", "❤️", "😂", "🙏", "😮", "😍")

OCCASIONS: dict[str, tuple[str, ...]] = {
    "de": (
        "Frühlingsverkauf",
        "Newsletter",
        "Muttertag",
        "Pfingstaktion",
        "Neue Kollektion",
        "Treuepunkte",
        "Rückgewinnung",
        "Sommerfest",
        "Stammkunden",
        "Tag der offenen Tür",
    ),
    "en": (
        "Spring Sale",
        "Newsletter",
        "Mother's Day",
        "Weekend Deal",
        "New Collection",
        "Loyalty Points",
        "Win-back",
        "Summer Kick-off",
        "VIP Preview",
        "Open Day",
        "Flash Sale",
        "Back in Stock",
    ),
    "pt_BR": (
        "Promoção de Outono",
        "Boletim",
        "Dia das Mães",
        "Dia dos Namorados",
        "Nova Coleção",
        "Pontos",
        "Volte Sempre",
        "Oferta Relâmpago",
        "Clientes VIP",
    ),
    "es": ("Rebajas", "Boletín", "Día de las Madres", "Nueva Colección", "Puntos", "Clientes VIP"),
    "hi": ("सेल", "नया कलेक्शन", "त्योहार ऑफर"),
    "zh": ("春季促销", "新品上市", "会员日"),
}

FIGURATIVE = ("Customers of {name}", "Thank you from {name}", "{name}'s birthday list", "Event with {name}")
